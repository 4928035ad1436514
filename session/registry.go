package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"shoal/metainfo"
	"shoal/peer/mse"
	"shoal/session/budget"
)

// registry is the list of torrents. Its methods never wait.
type registry struct {
	mu     sync.Mutex
	rnd    *rand.Rand
	byHash map[metainfo.Hash]*torrent
	byVeil map[metainfo.Hash]*torrent // by what stands for them in encrypted handshakes
	list   []*torrent                 // in the order in which they were added
	last   budget.Key
	closed bool
}

// add enters t and gives it its key and seed.
func (r *registry) add(t *torrent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrStopped
	}
	if r.byHash[t.id.Wire()] != nil {
		return fmt.Errorf("%v: %w", t.id, ErrDuplicate)
	}
	if r.byHash == nil {
		r.byHash, r.byVeil = make(map[metainfo.Hash]*torrent), make(map[metainfo.Hash]*torrent)
	}
	r.last++
	t.key, t.seed = r.last, r.rnd.Uint64()
	r.byHash[t.id.Wire()], r.byVeil[mse.Veil(t.id.Wire())] = t, t
	r.list = append(r.list, t)
	return nil
}

// hold adds one to the session's wait group unless the session is ending.
func (r *registry) hold(wg *sync.WaitGroup) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		wg.Add(1)
	}
	return !r.closed
}

// remove takes t out.
func (r *registry) remove(t *torrent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byHash[t.id.Wire()] == t {
		delete(r.byHash, t.id.Wire())
		delete(r.byVeil, mse.Veil(t.id.Wire()))
		r.list = slices.DeleteFunc(r.list, func(o *torrent) bool { return o == t })
	}
}

// get returns the torrent with this v1 or v2 hash.
func (r *registry) get(id metainfo.ID) (*torrent, error) {
	if t := r.find(id.Wire()); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("%v: %w", id, ErrUnknown)
}

// find returns the torrent of a handshake, or nil.
func (r *registry) find(h metainfo.Hash) *torrent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byHash[h]
}

// unveil returns the torrent of an encrypted handshake, or nil.
func (r *registry) unveil(veil metainfo.Hash) *torrent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byVeil[veil]
}

// byKey returns the torrent with this key, or nil.
func (r *registry) byKey(k budget.Key) *torrent {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.list {
		if t.key == k {
			return t
		}
	}
	return nil
}

// all returns a copy of the list.
func (r *registry) all() []*torrent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// close refuses further torrents and returns those that are there.
func (r *registry) close() []*torrent {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return slices.Clone(r.list)
}

// random returns a new generator, for one user.
func (r *registry) random() *rand.Rand {
	r.mu.Lock()
	defer r.mu.Unlock()
	return rand.New(rand.NewPCG(r.rnd.Uint64(), r.rnd.Uint64()))
}
