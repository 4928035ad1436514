package rpc

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Options say who may call a Server, and how.
type Options struct {
	// User and Password are demanded of every caller but on a trusted socket, unless both are empty. Password is the text itself or
	// what HashPassword made of it.
	User, Password string
	// SocketTrusted lets callers on a unix socket in without a password when they are the user who runs this process, or root.
	SocketTrusted bool
	// LocalPaths lets callers of this machine name torrent files by their path; on a unix socket they always may.
	LocalPaths bool
	// Hosts are names by which the daemon is called besides localhost and addresses, or whole origins (scheme://host).
	Hosts []string
	// Allow are the addresses that may connect; none: all. Those of unix sockets always may.
	Allow []netip.Prefix
	// Prefix is where the calls are, "/transmission/" if empty: they go to Prefix + "rpc".
	Prefix string
	Log    *slog.Logger // nil for none
	// Pprof serves /debug/pprof, on unix sockets alone.
	Pprof   bool
	Version string
}

// Server answers for an engine over HTTP: calls, /metrics, /events and /healthz. It is an http.Handler for what comes over TCP; Serve
// brings the limits that a daemon needs. It may be used from any goroutine.
type Server struct {
	engine Engine
	opt    Options
	now    func() time.Time
	log    *slog.Logger
	ids    sessionIDs
	guard  guard
	index  index
	// trackers has the numbers of those that were changed.
	trackers trackerIDs
	events   events
	metrics  http.Handler
	room     chan struct{} // calls that run at a time
	bodies   ledger

	setMu sync.Mutex // one session_set at a time
	kept  kept       // under setMu
}

// Bounds of a server.
const (
	maxOpen     = 64       // connections of one door at a time
	maxBody     = 16 << 20 // bytes of one request
	maxBodies   = 64 << 20 // bytes of all requests that are being read or run, besides smallBody each
	smallBody   = 64 << 10
	maxHeader   = 16 << 10
	maxRunning  = 8                // calls at a time
	callTime    = 30 * time.Second // for one call
	headerTime  = 10 * time.Second
	idleTime    = 60 * time.Second
	answerTime  = 60 * time.Second
	stopTime    = 1500 * time.Millisecond // that calls are given at the end
	defaultRoot = "/transmission/"
)

// NewServer returns a server for engine. It starts nothing.
func NewServer(engine Engine, opt Options) *Server {
	s := &Server{engine: engine, opt: opt, now: time.Now, room: make(chan struct{}, maxRunning)}
	s.opt.Prefix = "/" + strings.Trim(cmp.Or(opt.Prefix, defaultRoot), "/") + "/"
	if s.opt.Prefix == "//" {
		s.opt.Prefix = "/"
	}
	s.log = opt.Log
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.guard.init(opt.User, opt.Password); s.guard.broken {
		s.log.Error("rpc: the hash of the password is damaged, so nobody can log in: make a new one")
	}
	s.events.init(s)
	s.metrics = newMetrics(engine, opt.Version)
	return s
}

// Door is how callers come in.
type Door struct {
	Unix bool
	TLS  *tls.Config // nil for none
}

// caller is what is known of who calls.
type caller struct {
	unix    bool
	trusted bool       // the user who runs this process, on a unix socket
	addr    netip.Addr // zero on a unix socket
}

func (c caller) loopback() bool { return c.unix || c.addr.IsLoopback() }

type callerKey struct{}

// callerOf is what ConnContext noted, or for a server that is mounted elsewhere what the request says.
func callerOf(r *http.Request) caller {
	if c, ok := r.Context().Value(callerKey{}).(caller); ok {
		return c
	}
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	return caller{addr: ap.Addr().Unmap()}
}

// Serve answers what comes in through ln, at most 64 connections at a time, until ctx ends; then it returns within two seconds. It
// takes ln over. Its error is nil after ctx has ended.
func (s *Server) Serve(ctx context.Context, ln net.Listener, door Door) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var l net.Listener = &bounded{Listener: ln, room: make(chan struct{}, maxOpen)}
	if door.TLS != nil {
		l = tls.NewListener(l, door.TLS)
	}
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return inner },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, callerKey{}, s.who(c, door))
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		srv.Close()
		return err
	case <-ctx.Done():
	}
	cancel() // ends event streams
	grace, done := context.WithTimeout(context.Background(), stopTime)
	defer done()
	if srv.Shutdown(grace) != nil {
		srv.Close()
	}
	<-ended
	return nil
}

// who looks at a connection once.
func (s *Server) who(c net.Conn, door Door) caller {
	if door.Unix {
		return caller{unix: true, trusted: s.opt.SocketTrusted && sameUser(c)}
	}
	ap, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	return caller{addr: ap.Addr().Unmap()}
}

// bounded is a listener with a limit on open connections. Those beyond it are closed at once: who waits in a queue
// that nobody reads is worse off.
type bounded struct {
	net.Listener
	room chan struct{}
}

func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case b.room <- struct{}{}:
			return &boundedConn{Conn: c, room: b.room}, nil
		default:
			c.Close()
		}
	}
}

type boundedConn struct {
	net.Conn
	room chan struct{}
	once sync.Once
}

func (c *boundedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.room })
	return err
}

// ledger counts the bytes of large requests.
type ledger struct {
	mu   sync.Mutex
	used int64
}

func (l *ledger) take(n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used+n > maxBodies {
		return false
	}
	l.used += n
	return true
}

func (l *ledger) give(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used -= n
}

var errBusy = errors.New("too many large requests at a time: try again")
