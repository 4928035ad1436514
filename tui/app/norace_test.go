//go:build !race

package app

// slower is how much longer things may take here.
const slower = 1
