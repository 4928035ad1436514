package status

import (
	"math"
	"testing"
)

func TestRatio(t *testing.T) {
	for _, c := range []struct {
		have, down, up int64
		want           float64
	}{{100, 0, 50, .5}, {100, 100, 50, .5}, {100, 200, 50, .25}, {0, 0, 0, -1}, {0, 0, 1, math.Inf(1)}, {0, 4, 1, .25}, {4, 0, -1, 0}} {
		if got := Ratio(c.have, c.down, c.up); got != c.want {
			t.Errorf("%d of %d and %d: %v, want %v", c.up, c.have, c.down, got, c.want)
		}
	}
}
