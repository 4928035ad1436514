//go:build race

package dht

import "runtime"

// fewer divides the repetitions of a test that repeats: the race detector is slow.
const fewer = 4

// One processor, because of the race detector of Go 1.26: a channel timer of a bubble that is due when it is looked at, like the DHT
// library's time.After(0), runs in a context that belongs to the whole bubble, and two of them at a time end the process.
func init() { runtime.GOMAXPROCS(1) }
