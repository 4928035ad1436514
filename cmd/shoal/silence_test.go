package main

import (
	"testing"

	"shoal/status"
)

func TestReasonsForSilence(t *testing.T) {
	bad := func(s string) status.Tracker { return status.Tracker{URL: "http://t.example/announce", Err: s} }
	for _, c := range []struct {
		list []status.Tracker
		want string
	}{
		{nil, "the torrent has no tracker; name a peer with --peer"},
		{[]status.Tracker{bad("refused"), bad("time\x1bout")}, "refused; time␛out"},
		{[]status.Tracker{bad("1"), bad("2"), bad("3"), bad("4")}, "1; 2; 3"},
		{[]status.Tracker{{URL: "http://t.example/announce", Working: true}}, "tracker http://t.example/announce knows nobody else"},
		{[]status.Tracker{{}}, "no tracker has answered"},
	} {
		if got := reasons(c.list); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}
