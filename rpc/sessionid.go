package rpc

import (
	"crypto/rand"
	"crypto/subtle"
	"sync"
	"time"
)

// sessionIDs are the secrets that a caller must have read before it calls: pages of other sites cannot. They
// change hourly, and the one before is still good.
type sessionIDs struct {
	mu        sync.Mutex
	now, last string
	made      time.Time
}

const (
	idLife   = time.Hour
	idLength = 48
)

// current returns the one that is told to callers.
func (s *sessionIDs) current(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	return s.now
}

// valid reports whether a caller knows one of the two.
func (s *sessionIDs) valid(given string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	return subtle.ConstantTimeCompare([]byte(given), []byte(s.now))|subtle.ConstantTimeCompare([]byte(given), []byte(s.last)) == 1 && given != ""
}

func (s *sessionIDs) turn(now time.Time) {
	switch age := now.Sub(s.made); {
	case s.now == "" || age >= 2*idLife:
		s.now, s.last, s.made = newID(), "", now
	case age >= idLife:
		s.now, s.last, s.made = newID(), s.now, now
	}
}

// newID returns 48 letters and digits.
func newID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	id := make([]byte, 0, idLength)
	var chunk [64]byte
	for len(id) < idLength {
		_, _ = rand.Read(chunk[:]) // never fails
		for _, c := range chunk {
			if int(c) < 256/len(letters)*len(letters) && len(id) < idLength {
				id = append(id, letters[int(c)%len(letters)])
			}
		}
	}
	return string(id)
}
