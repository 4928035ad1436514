package status

import (
	"testing"
	"time"
)

func TestEveryCauseHasAWord(t *testing.T) {
	seen := make(map[string]bool)
	for c := range NumCauses {
		if w := Cause(c).String(); w == "" || seen[w] {
			t.Errorf("cause %d is %q", c, w)
		} else {
			seen[w] = true
		}
	}
}

func TestSharesMain(t *testing.T) {
	var s Shares
	if c, part := s.Main(); c != Running || part != 0 || s.Total() != 0 {
		t.Error(c, part)
	}
	s[Choked], s[DiskBound] = 3*time.Second, 3*time.Second
	s[Running] = 2 * time.Second
	if c, part := s.Main(); c != Choked || part != 0.375 || s.Total() != 8*time.Second {
		t.Error(c, part)
	}
}
