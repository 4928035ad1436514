package rpc

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// hashScheme begins a hashed password: scheme$rounds$salt$key, salt and key in base64.
const hashScheme = "pbkdf2-sha256"

const (
	hashRounds = 600_000 // as OWASP advises for PBKDF2 with SHA-256
	maxRounds  = 10_000_000
)

// HashPassword returns what may stand in a configuration file in place of a password.
func HashPassword(password string) (string, error) { return hashPassword(password, hashRounds) }

func hashPassword(password string, rounds int) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	key, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hashing the password: %w", err)
	}
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d$%s$%s", hashScheme, rounds, enc(salt), enc(key)), nil
}

// guard decides who knows the password.
type guard struct {
	user   [sha256.Size]byte // a hash under key
	text   [sha256.Size]byte // of the password, when it is known
	key    [32]byte          // of this start
	hashed *hashed           // nil for a password as text
	broken bool              // a hash that cannot be read: nobody gets in
	on     bool

	mu    sync.Mutex // also: one slow hash at a time
	known bool       // text is that of the hashed password
	tries map[netip.Addr]*failures

	turn chan struct{} // of callers on this machine, while wrong passwords come from it
}

type hashed struct {
	rounds    int
	salt, key []byte
}

// failures are those of one address.
type failures struct {
	count int
	until time.Time // nobody is let in before
	last  time.Time
}

// Bounds against guessing.
const (
	freeTries  = 5                // wrong answers before an address must wait
	firstWait  = time.Second      // doubled with each further one
	maxWait    = time.Minute      // so that a mistaken caller is not shut out for long
	forget     = 10 * time.Minute // after which the failures of an address are forgotten
	maxGuesser = 1024             // addresses that are remembered
	turnTime   = time.Second      // for one password of this machine, after wrong ones
	maxTurn    = 30 * time.Second // for its turn
)

func (g *guard) init(user, password string) {
	_, _ = rand.Read(g.key[:])
	g.on = user != "" || password != ""
	g.user = g.sum(user)
	g.tries, g.turn = map[netip.Addr]*failures{}, make(chan struct{}, 1)
	switch h, ok := parseHash(password); {
	case ok:
		g.hashed = h
	case strings.HasPrefix(password, hashScheme+"$"):
		g.broken = true
	default:
		g.text, g.known = g.sum(password), true
	}
}

func (g *guard) set() bool { return g.on }

func (g *guard) sum(s string) (out [sha256.Size]byte) {
	m := hmac.New(sha256.New, g.key[:])
	m.Write([]byte(s))
	m.Sum(out[:0])
	return out
}

func parseHash(s string) (*hashed, bool) {
	parts := strings.Split(s, "$")
	if len(parts) != 4 || parts[0] != hashScheme {
		return nil, false
	}
	rounds, err := strconv.Atoi(parts[1])
	salt, err2 := base64.RawStdEncoding.DecodeString(parts[2])
	key, err3 := base64.RawStdEncoding.DecodeString(parts[3])
	if err != nil || err2 != nil || err3 != nil || rounds < 1 || rounds > maxRounds || len(key) != sha256.Size {
		return nil, false
	}
	return &hashed{rounds, salt, key}, true
}

// right compares in constant time; both halves are always compared.
func (g *guard) right(user, password string) bool {
	u, p := g.sum(user), g.sum(password)
	same := subtle.ConstantTimeCompare(u[:], g.user[:])
	switch {
	case g.broken:
		return false
	case g.known:
		return same&subtle.ConstantTimeCompare(p[:], g.text[:]) == 1
	}
	key, err := pbkdf2.Key(sha256.New, password, g.hashed.salt, g.hashed.rounds, sha256.Size)
	if err != nil || same&subtle.ConstantTimeCompare(key, g.hashed.key) != 1 {
		return false
	}
	g.text, g.known = p, true // the next one is fast
	return true
}

// check lets a caller in who knows the password, or answers 401, or 429 to one who guesses. Nobody waits who knows the session id: it is told
// only to those who knew the password before. Whoever is on this machine has one address with all others there, so that a stale
// password of one program must not shut them out: they are heard in turn, one a second.
func (g *guard) check(w http.ResponseWriter, r *http.Request, c caller, s *Server) bool {
	if !g.on {
		return true
	}
	user, password, given := r.BasicAuth()
	known := given && s.ids.valid(r.Header.Get(headerID), s.now())
	g.mu.Lock()
	defer g.mu.Unlock()
	who := network(c.addr)
	wait := g.wait(who, s.now())
	if given && !known && wait > 0 && c.loopback() {
		g.mu.Unlock()
		if g.queue(r.Context()) {
			wait = 0
		}
		patience(w, r)
		g.mu.Lock()
	}
	now := s.now()
	if given && !known && wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		refuse(w, http.StatusTooManyRequests, "Too many wrong passwords: wait.")
		return false
	}
	if given && g.right(user, password) {
		if !c.loopback() { // there it says nothing of the one who guesses
			delete(g.tries, who)
		}
		return true
	}
	if given {
		count := g.fail(who, now)
		if count&(count-1) == 0 { // the first, second, fourth, …: guessing must not fill the log
			s.log.Warn("rpc: wrong user name or password", "from", c.addr.String(), "times", count)
		}
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="Transmission", charset="UTF-8"`)
	refuse(w, http.StatusUnauthorized, "A user name and a password are needed.")
	return false
}

// wait is how long an address is still to wait. The caller holds mu.
func (g *guard) wait(who netip.Addr, now time.Time) time.Duration {
	f := g.tries[who]
	if f == nil {
		return 0
	}
	if now.Sub(f.last) > forget {
		delete(g.tries, who)
		return 0
	}
	return max(0, f.until.Sub(now))
}

// queue waits for the turn of a caller on this machine, and reports whether it came.
func (g *guard) queue(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, maxTurn)
	defer cancel()
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-g.turn }()
	select {
	case <-time.After(turnTime):
		return true
	case <-ctx.Done():
		return false
	}
}

// fail notes a wrong answer and returns how many there were.
func (g *guard) fail(who netip.Addr, now time.Time) int {
	f := g.tries[who]
	if f == nil {
		if len(g.tries) >= maxGuesser {
			g.drop()
		}
		f = &failures{}
		g.tries[who] = f
	}
	f.count++
	f.last = now
	if over := f.count - freeTries; over >= 0 {
		f.until = now.Add(min(maxWait, firstWait<<min(over, 10)))
	}
	return f.count
}

// drop forgets the address that was silent for longest.
func (g *guard) drop() {
	var oldest netip.Addr
	for a, f := range g.tries {
		if !oldest.IsValid() || f.last.Before(g.tries[oldest].last) {
			oldest = a
		}
	}
	delete(g.tries, oldest)
}

// network is whom failures are counted for: an IPv4 address, or the /64 that one host has in IPv6. This machine is one, whichever of its
// addresses is called from.
func network(a netip.Addr) netip.Addr {
	if a.IsLoopback() {
		return netip.IPv6Loopback()
	}
	if a.Is6() && !a.Is4In6() {
		p, _ := a.WithZone("").Prefix(64)
		return p.Addr()
	}
	return a
}
