package status

import "testing"

func TestEveryPhaseHasAWord(t *testing.T) {
	seen := make(map[string]bool)
	for p := Opening; p <= Failed; p++ {
		if w := p.String(); w == "" || seen[w] {
			t.Errorf("phase %d is %q", p, w)
		} else {
			seen[w] = true
		}
	}
}
