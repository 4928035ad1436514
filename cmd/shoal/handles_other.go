//go:build !unix

package main

// handleLimit is 0 where there is no such limit.
func handleLimit() int { return 0 }
