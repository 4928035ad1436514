package cputime

import (
	"testing"
	"time"
)

// TestSpent: work counts.
func TestSpent(t *testing.T) {
	before := Spent()
	for end := time.Now().Add(time.Minute); Spent()-before < 20*time.Millisecond; {
		if time.Now().After(end) {
			t.Fatal("a minute of work is not seen")
		}
	}
}
