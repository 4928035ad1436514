package rpc

import (
	"context"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers one request. What it checks, and in which order, is in API.md; nothing of a body is read before all of it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r)
	patience(w, r)
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	switch {
	case !s.allowed(c):
		refuse(w, http.StatusForbidden, "This address may not connect.")
		return
	case r.Method == http.MethodOptions:
		h.Set("Allow", "GET, POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.URL.Path == "/healthz":
		s.health(w, r)
		return
	}
	if !c.trusted && !s.guard.check(w, r, c, s) {
		return
	}
	s.route(w, r, c)
}

// patience bounds how long a caller may take to send what nobody asks for, and to read the answer: before the password is
// known too, each connection is one of few. Who streams or reads a body sets other bounds.
func patience(w http.ResponseWriter, r *http.Request) {
	control, now := http.NewResponseController(w), time.Now()
	_ = control.SetWriteDeadline(now.Add(answerTime))
	if r.ContentLength != 0 {
		_ = control.SetReadDeadline(now.Add(pace))
	}
}

// route finds out what is asked for. There are no other routes: none of them names a file.
func (s *Server) route(w http.ResponseWriter, r *http.Request, c caller) {
	serve := http.HandlerFunc(nil)
	base := strings.TrimSuffix(s.opt.Prefix, "/")
	switch path := r.URL.Path; {
	case path == s.opt.Prefix+"rpc", path == s.opt.Prefix+"rpc/":
		serve = func(w http.ResponseWriter, r *http.Request) { s.calls(w, r, c) }
	case path == "/metrics":
		serve = s.metrics.ServeHTTP
	case path == "/events":
		serve = s.events.serve
	case s.opt.Pprof && c.unix && strings.HasPrefix(path, "/debug/pprof/"):
		serve = profile
	case path == "/", path == base, path == s.opt.Prefix:
		http.Redirect(w, r, s.opt.Prefix+"web/", http.StatusMovedPermanently)
		return
	default:
		refuse(w, http.StatusNotFound, "There is nothing here. The calls go to "+s.opt.Prefix+"rpc.")
		return
	}
	if !c.unix && !s.hostAllowed(r, c) {
		refuse(w, http.StatusMisdirectedRequest, "This daemon does not go by the name "+strconv.Quote(r.Host)+
			": call it by its address, or add the name to rpc.allow_hosts.")
		return
	}
	if !s.originAllowed(r) {
		refuse(w, http.StatusForbidden, "Pages of another site may not call.")
		return
	}
	serve(w, r)
}

// refuse answers with a line of text and ends the connection if a body is still under way.
func refuse(w http.ResponseWriter, code int, why string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Connection", "close")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(why + "\n"))
}

func (s *Server) allowed(c caller) bool {
	return c.unix || len(s.opt.Allow) == 0 || slices.ContainsFunc(s.opt.Allow, func(p netip.Prefix) bool { return p.Contains(c.addr) })
}

// hostAllowed keeps a page away whose name was made to resolve to this machine (DNS rebinding): addresses, localhost
// and what is configured may be in Host. Who comes from elsewhere and knows the password may use any name.
func (s *Server) hostAllowed(r *http.Request, c caller) bool {
	if s.guard.set() && !c.loopback() {
		return true
	}
	return s.knownName(hostName(r.Host))
}

func (s *Server) knownName(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost") ||
		name != "" && slices.ContainsFunc(s.opt.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}

// originAllowed refuses what a browser sends for a page of another site.
func (s *Server) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if slices.Contains(s.opt.Hosts, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// hostName is Host without port and brackets.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 && (strings.Count(host, ":") == 1 || host[0] == '[') {
		host = host[:i]
	}
	return strings.Trim(host, "[]")
}

// profile takes as long as it is asked to.
func profile(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	switch r.URL.Path {
	case "/debug/pprof/profile":
		pprof.Profile(w, r)
	case "/debug/pprof/trace":
		pprof.Trace(w, r)
	default:
		pprof.Index(w, r)
	}
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTime)
	defer cancel()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := s.engine.Stats(ctx); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("the engine does not answer\n"))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}
