package stage

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"testing"
	"time"

	"shoal/internal/bencode"
)

// announce asks a tracker over HTTP and returns the peers that it names, sorted, and how many have everything and how many do not.
func announce(t *testing.T, tr *Tracker, hash string, port int, event string, left int) (peers []string, seeds, others int64) {
	t.Helper()
	res, err := http.Get(tr.URL + fmt.Sprintf("?info_hash=%s&port=%d&left=%d&event=%s&compact=1", url.QueryEscape(hash), port, left, event))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", res.Status, b, err)
	}
	if _, err := bencode.Scan(b, bencode.Limits{Bytes: 1 << 16, Depth: 2, Items: 100}); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	for key, raw := range bencode.Dict(b) {
		switch key {
		case "complete":
			seeds, _ = bencode.Int(raw)
		case "incomplete":
			others, _ = bencode.Int(raw)
		case "interval":
			if n, _ := bencode.Int(raw); n != 7 {
				t.Errorf("interval %d", n)
			}
		case "peers":
			list, _ := bencode.String(raw)
			for p := range slices.Chunk(list, 6) {
				a, _ := netip.AddrFromSlice(p[:4])
				peers = append(peers, netip.AddrPortFrom(a, uint16(p[4])<<8|uint16(p[5])).String())
			}
		}
	}
	slices.Sort(peers)
	return peers, seeds, others
}

// TestTracker: everyone is told of all others of the same torrent, by the address that the harness knows.
func TestTracker(t *testing.T) {
	tr, err := NewTracker("127.0.0.1", 7*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	tor := &Torrent{hash: [20]byte{1, '&', 0xff}}
	hash := string(tor.hash[:])
	tr.Add(tor, netip.MustParseAddrPort("10.0.0.1:1001"))
	whole := tr.Expect(netip.MustParseAddrPort("10.0.0.2:1002"))
	tr.Expect(netip.MustParseAddrPort("10.0.0.3:1003"))

	check := func(what string, peers []string, seeds, others int64, wantSeeds, wantOthers int64, want ...string) {
		t.Helper()
		if !slices.Equal(peers, want) || seeds != wantSeeds || others != wantOthers {
			t.Errorf("%s: %v, %d seeds, %d others; want %v, %d, %d", what, peers, seeds, others, want, wantSeeds, wantOthers)
		}
	}
	peers, seeds, others := announce(t, tr, hash, 1002, "started", 5)
	check("the first", peers, seeds, others, 1, 1, "10.0.0.1:1001")
	peers, seeds, others = announce(t, tr, hash, 1003, "started", 5)
	check("the second", peers, seeds, others, 1, 2, "10.0.0.1:1001", "10.0.0.2:1002")
	peers, seeds, others = announce(t, tr, "another torrent 1234", 1003, "", 5)
	check("another torrent", peers, seeds, others, 0, 1)
	select {
	case <-whole:
		t.Error("an incomplete peer has everything")
	default:
	}
	peers, seeds, others = announce(t, tr, hash, 1002, "completed", 0)
	check("complete", peers, seeds, others, 2, 1, "10.0.0.1:1001", "10.0.0.3:1003")
	<-whole
	announce(t, tr, hash, 1002, "", 0) // once more does no harm
	announce(t, tr, hash, 1003, "stopped", 5)
	peers, seeds, others = announce(t, tr, hash, 1002, "", 0)
	check("one has left", peers, seeds, others, 2, 0, "10.0.0.1:1001")
	tr.Forget(tor)
	peers, seeds, others = announce(t, tr, hash, 1002, "", 0)
	check("forgotten", peers, seeds, others, 1, 0)

	res, err := http.Get(tr.URL + "?info_hash=short&port=1")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("no announce: %s", res.Status)
	}
}
