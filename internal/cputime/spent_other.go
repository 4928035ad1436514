//go:build !unix

package cputime

import "time"

var began = time.Now()

// Spent is the time since the start, where nothing better is at hand. Any goroutine may ask.
func Spent() time.Duration { return time.Since(began) }
