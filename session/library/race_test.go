//go:build race

package library

import (
	"runtime"
	"time"
)

// dayLong is shorter than a day: the race detector is slow.
const dayLong = 6 * time.Hour

// One processor, as in the tests of package session, which say why.
func init() { runtime.GOMAXPROCS(1) }
