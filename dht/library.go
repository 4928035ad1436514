package dht

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/anacrolix/dht/v2"
	"github.com/anacrolix/dht/v2/bep44"
	"github.com/anacrolix/dht/v2/krpc"
	"github.com/anacrolix/dht/v2/transactions"
	"github.com/anacrolix/log"
	"golang.org/x/time/rate"

	"shoal/dht/guard"
	"shoal/internal/quietstart"
	"shoal/metainfo"
)

// This file is the only one that knows anacrolix/dht. Of that library we use the server: it reads
// and decodes what the guard lets through, numbers our queries and brings each reply to its query.
// The routing table, the walks, the answers to others and everything that is stored are ours.

// init takes the library's log away from standard error: it quotes packets there, whatever
// logger a server was given.
func init() {
	log.Default = silent()
	quietstart.RestoreLog()
}

func silent() log.Logger {
	l := log.Default.WithFilterLevel(log.Critical)
	l.SetHandlers(log.DiscardHandler)
	return l
}

// burn moves the library's transaction ids, one counter for the whole process that starts at
// zero, to a place that nobody can guess. The guard's tags do not rely on it.
var burn = sync.OnceFunc(func() {
	var b [2]byte
	rand.Read(b[:])
	for range binary.BigEndian.Uint16(b[:]) {
		transactions.DefaultIdIssuer.Issue()
	}
})

// query is what we ask another node.
type query struct {
	method string // ping, find_node, get_peers or announce_peer
	target metainfo.Hash
	scrape bool   // BEP 33
	port   uint16 // announce_peer
	token  string
}

// reply is what another node answers. Lists are bounded by the guard.
type reply struct {
	id             metainfo.Hash
	nodes          []contact
	peers          []netip.AddrPort
	token          string
	seeds, leeches *[256]byte // BEP 33 filters; nil when there were none
}

// question is a query of another node.
type question struct {
	method   string
	from     netip.AddrPort
	t        string
	id       metainfo.Hash
	target   metainfo.Hash // or info hash
	port     uint16        // announced; 0: the one that the query came from
	token    string
	scrape   bool
	readOnly bool // it is not to be contacted
}

// engine is one server of the library on a pipe of its own. A new id needs a new engine.
type engine struct {
	srv  *dht.Server
	pipe *pipe
}

// errRefused means that the guard let the query not out: it says nothing about the node.
var errRefused = errors.New("not sent, asked too often")

// newEngine starts the library on p. asked gets the queries of others, from the library's
// reading goroutine under the library's lock: it must return at once and not call back.
func newEngine(p *pipe, id metainfo.Hash, readOnly bool, asked func(question)) (*engine, error) {
	burn()
	srv, err := dht.NewServer(&dht.ServerConfig{
		NodeId:        krpc.ID(id),
		Conn:          p,
		Passive:       readOnly,
		NoSecurity:    true, // its own table is not used
		StartingNodes: func() ([]dht.Addr, error) { return nil, nil },
		Store:         nothing{},
		Logger:        silent(),
		SendLimiter:   rate.NewLimiter(rate.Inf, 1), // the guard has the rates
		// Queries end by their context.
		QueryResendDelay: func() time.Duration { return time.Minute },
		OnQuery: func(m *krpc.Msg, source net.Addr) bool {
			if q, ok := readQuestion(m, source); ok && !readOnly {
				asked(q)
			}
			return false // we answer
		},
	})
	if err != nil {
		return nil, fmt.Errorf("starting the DHT library: %w", err)
	}
	return &engine{srv, p}, nil
}

// close ends the library's server. Its reading goroutine is then on its way out, and every
// query that still runs fails.
func (e *engine) close() {
	e.srv.Close()
	e.pipe.Close()
}

// ask sends one query and waits for the reply, until ctx is done.
func (e *engine) ask(ctx context.Context, to netip.AddrPort, q query) (reply, error) {
	args := krpc.MsgArgs{}
	switch q.method {
	case "find_node":
		args.Target = krpc.ID(q.target)
	case "get_peers":
		args.InfoHash = krpc.ID(q.target)
		if q.scrape {
			args.Scrape = 1
		}
	case "announce_peer":
		port := int(q.port)
		args.InfoHash, args.Port, args.Token = krpc.ID(q.target), &port, q.token
	}
	res := e.srv.Query(ctx, dht.NewAddr(net.UDPAddrFromAddrPort(to)), q.method, dht.QueryInput{
		MsgArgs: args, RateLimiting: dht.QueryRateLimiting{NotAny: true}, NumTries: 1,
	})
	switch err := res.ToError(); {
	case res.Err != nil && strings.Contains(res.Err.Error(), guard.ErrRefused.Error()): // the library drops the chain
		return reply{}, fmt.Errorf("%s to %s: %w", q.method, to, errRefused)
	case err != nil:
		return reply{}, fmt.Errorf("%s to %s: %w", q.method, to, err)
	case res.Reply.R == nil:
		return reply{}, fmt.Errorf("%s to %s: an answer without content", q.method, to)
	}
	return readReply(res.Reply.R), nil
}

func readReply(r *krpc.Return) reply {
	out := reply{id: metainfo.Hash(r.ID)}
	r.ForAllNodes(func(ni krpc.NodeInfo) {
		out.nodes = append(out.nodes, contact{metainfo.Hash(ni.ID), addrPort(ni.Addr)})
	})
	for _, v := range r.Values {
		out.peers = append(out.peers, addrPort(v))
	}
	if r.Token != nil {
		out.token = *r.Token
	}
	out.seeds, out.leeches = (*[256]byte)(r.BFsd), (*[256]byte)(r.BFpe)
	return out
}

func addrPort(a krpc.NodeAddr) netip.AddrPort {
	ip, _ := netip.AddrFromSlice(a.IP)
	return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port))
}

func readQuestion(m *krpc.Msg, source net.Addr) (question, bool) {
	ua, ok := source.(*net.UDPAddr)
	if !ok || m.A == nil {
		return question{}, false
	}
	from := ua.AddrPort()
	q := question{
		method: m.Q, from: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), t: m.T,
		id: metainfo.Hash(m.A.ID), target: metainfo.Hash(m.A.InfoHash), token: m.A.Token,
		scrape: m.A.Scrape != 0, readOnly: m.ReadOnly,
	}
	if m.Q == "find_node" {
		q.target = metainfo.Hash(m.A.Target)
	}
	if m.A.Port != nil && !m.A.ImpliedPort {
		if *m.A.Port < 1 || *m.A.Port > 65535 {
			return question{}, false
		}
		q.port = uint16(*m.A.Port)
	}
	return q, true
}

// estimate is BEP 33's estimate of how many addresses a filter holds, at most some 7800: a full one is taken for one that
// lacks a bit.
func estimate(filter [256]byte) float64 {
	if filter == [256]byte{} {
		return 0 // the formula is for others
	}
	f := krpc.ScrapeBloomFilter(filter)
	if n := f.EstimateCount(); !math.IsInf(n, 0) {
		return n
	}
	f[0] &^= 1
	return f.EstimateCount()
}

// filterOf is BEP 33's filter of addresses.
func filterOf(peers []netip.AddrPort) []byte {
	var f krpc.ScrapeBloomFilter
	for _, p := range peers {
		f.AddIp(p.Addr().AsSlice())
	}
	return f[:]
}

// nothing is a BEP 44 store that has nothing and takes nothing.
type nothing struct{}

func (nothing) Put(*bep44.Item) error                 { return bep44.ErrItemNotFound }
func (nothing) Get(bep44.Target) (*bep44.Item, error) { return nil, bep44.ErrItemNotFound }
func (nothing) Del(bep44.Target) error                { return bep44.ErrItemNotFound }
