package stage

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Tracker tells every peer of all others, over HTTP (BEP 3, BEP 23). Who listens on which port it is told by the
// harness: the address that an announce comes from need not be the one that a client listens on.
type Tracker struct {
	URL      string
	server   *http.Server
	interval time.Duration

	mu     sync.Mutex
	owners map[uint16]netip.Addr
	swarms map[string]map[uint16]bool // by info hash; a peer that has everything is true
	begun  map[uint16]chan struct{}   // closed when the peer of a port has everything
	count  int                        // of announces
}

// NewTracker starts a tracker on a free port of addr. Peers are asked to come again after interval.
func NewTracker(addr string, interval time.Duration) (*Tracker, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		return nil, err
	}
	t := &Tracker{URL: fmt.Sprintf("http://%s/announce", l.Addr()), interval: interval, owners: map[uint16]netip.Addr{},
		swarms: map[string]map[uint16]bool{}, begun: map[uint16]chan struct{}{}}
	t.server = &http.Server{Handler: t}
	go t.server.Serve(l)
	return t, nil
}

// Close ends the tracker.
func (t *Tracker) Close() { t.server.Close() }

// Expect says who listens on a port. The channel is closed once that peer announces that it has everything.
func (t *Tracker) Expect(a netip.AddrPort) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owners[a.Port()] = a.Addr()
	ch := make(chan struct{})
	t.begun[a.Port()] = ch
	return ch
}

// Add tells the tracker of a seed that does not announce itself.
func (t *Tracker) Add(tor *Torrent, a netip.AddrPort) {
	t.Expect(a)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.swarm(string(tor.hash[:]))[a.Port()] = true
}

// Announces returns how many announces there have been.
func (t *Tracker) Announces() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// Forget empties a torrent's swarm.
func (t *Tracker) Forget(tor *Torrent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.swarms, string(tor.hash[:]))
}

func (t *Tracker) swarm(hash string) map[uint16]bool {
	if t.swarms[hash] == nil {
		t.swarms[hash] = map[uint16]bool{}
	}
	return t.swarms[hash]
}

// ServeHTTP answers an announce.
func (t *Tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	port, err := strconv.ParseUint(q.Get("port"), 10, 16)
	if err != nil || len(q.Get("info_hash")) != 20 {
		http.Error(w, "not an announce", http.StatusBadRequest)
		return
	}
	w.Write(t.announce(q.Get("info_hash"), uint16(port), q.Get("event"), q.Get("left") == "0"))
}

func (t *Tracker) announce(hash string, port uint16, event string, whole bool) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	swarm := t.swarm(hash)
	swarm[port] = whole
	if ch := t.begun[port]; ch != nil && whole {
		close(ch)
		delete(t.begun, port)
	}
	var peers []byte
	seeds := 0
	for other, whole := range maps.All(swarm) {
		if whole {
			seeds++
		}
		if a, ok := t.owners[other]; ok && other != port {
			peers = append(append(peers, a.AsSlice()...), byte(other>>8), byte(other))
		}
	}
	n := len(swarm)
	if event == "stopped" {
		delete(swarm, port)
	}
	seconds := int(t.interval.Seconds())
	return fmt.Appendf(nil, "d8:completei%de10:incompletei%de8:intervali%de12:min intervali%de5:peers%d:%se", seeds, n-seeds, seconds, seconds, len(peers), peers)
}
