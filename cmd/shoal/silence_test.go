package main

import (
	"testing"

	"shoal/status"
)

func TestReasonsForSilence(t *testing.T) {
	bad := func(s string) status.Tracker { return status.Tracker{URL: "http://t.example/announce", Err: s} }
	for _, c := range []struct {
		list    []status.Tracker
		private bool
		nodes   []status.DHT
		want    string
	}{
		{list: nil, want: "the torrent has no tracker; name a peer with --peer"},
		{list: []status.Tracker{bad("refused"), bad("time\x1bout")}, want: "refused; time␛out"},
		{list: []status.Tracker{bad("1"), bad("2"), bad("3"), bad("4")}, want: "1; 2; 3"},
		{list: []status.Tracker{{URL: "http://t.example/announce", Working: true}}, want: "tracker http://t.example/announce knows nobody else"},
		{list: []status.Tracker{{}}, want: "no tracker has answered"},
		{nodes: []status.DHT{{}}, want: "the torrent has no tracker; no DHT node answers"},
		{nodes: []status.DHT{{Good: 3}, {Good: 2}}, want: "the torrent has no tracker; of 5 DHT nodes that answer none knows a peer"},
		{nodes: []status.DHT{{Good: 3}}, private: true, want: "the torrent has no tracker; name a peer with --peer"},
		{list: []status.Tracker{{}}, nodes: []status.DHT{{}}, want: "no tracker has answered; no DHT node answers"},
	} {
		if got := reasons(c.list, !c.private, c.nodes); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}
