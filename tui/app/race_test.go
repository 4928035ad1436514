//go:build race

package app

// slower is how much longer things may take here: the race detector multiplies the cost of every access to memory.
const slower = 10
