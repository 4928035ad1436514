//go:build unix

package app

import (
	"testing"
	"time"

	"shoal/internal/cputime"
	"shoal/internal/fakeengine"
)

// TestIdleCostsNothing: with ten thousand torrents of which none changes the program takes less than 3 % of a core.
func TestIdleCostsNothing(t *testing.T) {
	r := start(t, Options{Engine: fakeengine.New(many)}, 160, 50)
	r.see(t, "1 All 10000", "[Overview]", "rarest missing piece")
	const window = 5 * time.Second
	before := cputime.Spent()
	time.Sleep(window) // what is measured is what happens in that time
	if took := cputime.Spent() - before; took > window*3/100*slower {
		t.Errorf("%v of %v", took, window)
	} else {
		t.Logf("%.2f %% of a core", 100*took.Seconds()/window.Seconds())
	}
}
