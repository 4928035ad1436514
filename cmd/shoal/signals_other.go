//go:build !unix

package main

// onStatusSignal does nothing where there is no USR1.
func onStatusSignal(func()) (release func()) { return func() {} }
