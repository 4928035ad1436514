//go:build race

package piece_test

// raceEnabled: under the race detector sync.Pool drops blocks at random.
const raceEnabled = true
