//go:build !unix

package metainfo

import (
	"testing"
	"time"
)

var began = time.Now()

// spent is the time since the start, where nothing better is at hand.
func spent(*testing.T) time.Duration { return time.Since(began) }
