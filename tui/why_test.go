package tui

import (
	"strings"
	"testing"
	"time"

	"shoal/status"
)

// slowed is a download that one cause has kept back for the last ten seconds.
func slowed(c status.Cause, peers, choking int) *status.Torrent {
	t := &status.Torrent{Name: "a", Phase: status.Leeching, Size: 1000, Wanted: 1000, Have: 100, Peers: peers, PeersChoking: choking, ETA: -1}
	t.Time.Lately[c], t.Time.Lately[status.Running] = 6*time.Second, 5*time.Second
	return t
}

func TestWhyHasAPhraseForEachCause(t *testing.T) {
	for _, tt := range []struct {
		cause          status.Cause
		peers, choking int
		want           string
	}{
		{status.Running, 3, 0, ""},
		{status.NoPeers, 0, 0, "no peers found"},
		{status.NoPeers, 2, 0, "no peer has what is missing"},
		{status.Unreachable, 0, 0, "known peers do not answer"},
		{status.Choked, 1, 1, "choked by its only peer"},
		{status.Choked, 3, 3, "choked by all 3 peers"},
		{status.Choked, 5, 3, "choked by 3 of 5 peers"},
		{status.Choked, 2, 0, ""},
		{status.Choked, 0, 0, "no peers found"},
		{status.Limited, 1, 0, "held by the download limit"},
		{status.DiskBound, 1, 0, "waiting for disk or memory"},
		{status.WindowBound, 1, 0, "slowed by long round trips"},
	} {
		s := slowed(tt.cause, tt.peers, tt.choking)
		if got := why(s); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.cause, got, tt.want)
		}
		for _, l := range []string{Words(s, true), line(s, 80, 10, Style{})} {
			if tt.want != "" && !strings.Contains(l, tt.want) {
				t.Errorf("%v is not in %q", tt.cause, l)
			}
		}
	}
	for c := range status.NumCauses {
		if s := why(&held(status.Cause(c), nil).Torrent); (s == "") != (status.Cause(c) == status.Running) {
			t.Errorf("%v: %q", status.Cause(c), s)
		}
	}
}

func TestWhyIsSilentAtTheStartAndTheEnd(t *testing.T) {
	s := slowed(status.NoPeers, 0, 0)
	s.Phase = status.Seeding
	if got := why(s); got != "" {
		t.Error(got)
	}
	s.Phase, s.Time.Lately = status.Leeching, status.Shares{status.NoPeers: 4 * time.Second}
	if got := why(s); got != "" {
		t.Error(got)
	}
}
