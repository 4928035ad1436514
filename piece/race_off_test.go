//go:build !race

package piece_test

const raceEnabled = false
