//go:build !race

package swarm

// raceEnabled says whether the race detector watches.
const raceEnabled = false
