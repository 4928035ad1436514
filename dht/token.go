package dht

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"
)

// tokenLife is how long one token is given out; it is accepted for as long again (BEP 5).
const tokenLife = 5 * time.Minute

// tokenLen is short because a first reply has few bytes; who guesses gets one try a packet.
const tokenLen = 6

// tokens makes and checks what a node must show to announce: proof that it receives at its
// address. Safe for any goroutine.
type tokens struct{ secret [32]byte }

func newTokens() *tokens {
	t := new(tokens)
	rand.Read(t.secret[:])
	return t
}

// at returns the token of an address in the slot of time that holds now.
func (t *tokens) at(now time.Time, a netip.Addr) []byte {
	mac := hmac.New(sha256.New, t.secret[:])
	var slot [8]byte
	binary.BigEndian.PutUint64(slot[:], uint64(now.UnixNano()/int64(tokenLife)))
	mac.Write(slot[:])
	mac.Write(a.AsSlice())
	return mac.Sum(nil)[:tokenLen]
}

// valid reports whether a was given this token five to ten minutes ago or later.
func (t *tokens) valid(now time.Time, a netip.Addr, token []byte) bool {
	return hmac.Equal(token, t.at(now, a)) || hmac.Equal(token, t.at(now.Add(-tokenLife), a))
}
