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

// TestBroken: a seed speaks of its trackers only when each of them has failed.
func TestBroken(t *testing.T) {
	failed, working, new := status.Tracker{Err: "refused"}, status.Tracker{Working: true}, status.Tracker{}
	for _, c := range []struct {
		list []status.Tracker
		want bool
	}{
		{nil, false},
		{[]status.Tracker{failed}, true},
		{[]status.Tracker{failed, failed}, true},
		{[]status.Tracker{failed, working}, false},
		{[]status.Tracker{new, failed}, false},
	} {
		if broken(c.list) != c.want {
			t.Errorf("%+v: not %v", c.list, c.want)
		}
	}
}

// TestLabel: what is said about a magnet link does not begin with all of it.
func TestLabel(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef01234567"
	for source, want := range map[string]string{
		"a.torrent":                             "a.torrent",
		"magnet:?xt=urn:btih:" + hash:           hash,
		"magnet:?xt=urn:btih:" + hash + "&dn=x": "x",
		"magnet:?xt=nonsense":                   "magnet:?xt=nonsense",
		"https://example.org/debian.torrent":    "https://example.org/debian.torrent",
	} {
		if got := label(source); got != want {
			t.Errorf("%q is called %q, not %q", source, got, want)
		}
	}
}
