//go:build race

package dht

// fewer divides the repetitions of a test that repeats: the race detector is slow.
const fewer = 4
