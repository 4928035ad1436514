package tracker

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"shoal/metainfo"
)

// Limits of a Server.
const (
	serverTorrents = 1000
	serverPeers    = 1000 // of one torrent; beyond that newcomers are told of others, not listed
	serverWant     = 50   // peers in a reply when the client names no number
	serverMost     = 200  // peers in a reply
	serverMinimum  = 10 * time.Second
)

// Server is a small HTTP tracker in memory for tests: compact
// replies of both families, at most 1000 torrents of 1000 peers. A peer is
// listed under the address its request came from, and forgotten when it
// stops or stays away for two intervals. It answers on every path; its methods
// may be called from any goroutine.
type Server struct {
	interval time.Duration

	mu       sync.Mutex
	torrents map[metainfo.Hash]*crowd
}

// crowd is one torrent of a Server. Replies walk around the list, so that
// all peers are named equally often.
type crowd struct {
	peers []member
	turn  int
}

type member struct {
	addr netip.AddrPort
	id   string
	left uint64
	seen time.Time
}

// NewServer returns a tracker that asks its clients to come back after interval.
func NewServer(interval time.Duration) *Server {
	return &Server{interval: interval, torrents: make(map[metainfo.Hash]*crowd)}
}

// ServeHTTP answers one announce (BEP 3, 7, 23, 24).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	hash, m, err := readAnnounce(r)
	if err == nil {
		var reply []byte
		if reply, err = s.announce(hash, m, r.URL.Query()); err == nil {
			w.Write(reply)
			return
		}
	}
	fmt.Fprintf(w, "d14:failure reason%d:%se", len(err.Error()), err)
}

func readAnnounce(r *http.Request) (metainfo.Hash, member, error) {
	q := r.URL.Query()
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return metainfo.Hash{}, member{}, fmt.Errorf("request from an address that is not an IP")
	}
	port, err := strconv.ParseUint(q.Get("port"), 10, 16)
	if err != nil || port == 0 {
		return metainfo.Hash{}, member{}, fmt.Errorf("port must be 1 to 65535")
	}
	left, err := strconv.ParseUint(q.Get("left"), 10, 64)
	if err != nil {
		return metainfo.Hash{}, member{}, fmt.Errorf("left must be a number of bytes")
	}
	hash, id := q.Get("info_hash"), q.Get("peer_id")
	if len(hash) != 20 || len(id) != 20 {
		return metainfo.Hash{}, member{}, fmt.Errorf("info_hash and peer_id must have 20 bytes")
	}
	addr := netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), uint16(port))
	return metainfo.Hash([]byte(hash)), member{addr: addr, id: id, left: left, seen: time.Now()}, nil
}

func (s *Server) announce(hash metainfo.Hash, m member, q url.Values) ([]byte, error) {
	want := serverWant
	if n, err := strconv.Atoi(q.Get("numwant")); err == nil {
		want = min(max(n, 0), serverMost)
	}
	stopped := q.Get("event") == "stopped"
	if stopped {
		want = 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.torrents[hash]
	if t == nil {
		if len(s.torrents) >= serverTorrents {
			s.sweep(m.seen)
		}
		if len(s.torrents) >= serverTorrents {
			return nil, fmt.Errorf("this tracker is full")
		}
		t = &crowd{}
		s.torrents[hash] = t
	}
	t.update(m, stopped, m.seen.Add(-2*s.interval))
	reply := t.reply(m, want, s.interval)
	if len(t.peers) == 0 {
		delete(s.torrents, hash)
	}
	return reply, nil
}

// sweep forgets the peers that stayed away, and torrents without peers.
func (s *Server) sweep(now time.Time) {
	for hash, t := range s.torrents {
		t.expire(now.Add(-2 * s.interval))
		if len(t.peers) == 0 {
			delete(s.torrents, hash)
		}
	}
}

func (t *crowd) expire(before time.Time) {
	t.peers = slices.DeleteFunc(t.peers, func(p member) bool { return p.seen.Before(before) })
}

// update files m in place of what was known of it.
func (t *crowd) update(m member, stopped bool, before time.Time) {
	t.expire(before)
	i := slices.IndexFunc(t.peers, func(p member) bool { return p.id == m.id && p.addr == m.addr })
	switch {
	case i >= 0 && stopped:
		t.peers = slices.Delete(t.peers, i, i+1)
	case i >= 0:
		t.peers[i] = m
	case !stopped && len(t.peers) < serverPeers:
		t.peers = append(t.peers, m)
	}
}

// reply names up to want peers other than m; a complete peer is not told of others like it.
func (t *crowd) reply(m member, want int, interval time.Duration) []byte {
	var v4, v6 []byte
	seeds := 0
	start := t.turn
	for i := range t.peers {
		at := (start + i) % len(t.peers)
		p := t.peers[at]
		if p.left == 0 {
			seeds++
		}
		if want == 0 || p.id == m.id || p.left == 0 && m.left == 0 {
			continue
		}
		want--
		t.turn = at + 1
		if ip := p.addr.Addr(); ip.Is4() {
			v4 = binary.BigEndian.AppendUint16(append(v4, ip.AsSlice()...), p.addr.Port())
		} else {
			v6 = binary.BigEndian.AppendUint16(append(v6, ip.AsSlice()...), p.addr.Port())
		}
	}
	own := m.addr.Addr().AsSlice() // BEP 24
	b := fmt.Appendf(nil, "d8:completei%de11:external ip%d:%s10:incompletei%de8:intervali%de12:min intervali%de5:peers%d:",
		seeds, len(own), own, len(t.peers)-seeds, interval/time.Second, min(interval, serverMinimum)/time.Second, len(v4))
	b = append(b, v4...)
	b = fmt.Appendf(b, "6:peers6%d:", len(v6))
	return append(append(b, v6...), 'e')
}
