package session

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"shoal/metainfo"
	"shoal/peer/mse"
	"shoal/session/budget"
)

// registry is the list of torrents. Its methods never wait.
type registry struct {
	mu     sync.Mutex
	rnd    *rand.Rand
	byHash map[metainfo.Hash]*seat
	byVeil map[metainfo.Hash]*seat // by what stands for them in encrypted handshakes
	byKeys map[budget.Key]*seat
	seats  []*seat    // in the order in which they were added
	awake  []*torrent // in the same order
	rest   totals     // of those that sleep
	last   budget.Key
	closed bool
}

// seat is the place of one torrent in the list: it keeps it asleep and awake. registry.mu guards it.
type seat struct {
	order uint64     // of the seats
	key   budget.Key // of the torrent, which an heir has anew
	t     *torrent   // nil while it is asleep
	sleep *sleeper   // nil while it is awake
	turn  *turn      // under way from the one to the other; nil when it is not
}

// turn is a torrent's waking or falling asleep.
type turn struct {
	done chan struct{} // closed when it is over
	err  error         // why it does not wake; to be read after done
}

// totals are payload bytes.
type totals struct{ down, up int64 }

// add enters t and gives it its key and seed.
func (r *registry) add(t *torrent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, err := r.sit(t.id)
	if err != nil {
		return err
	}
	t.key, t.order, t.seed, x.t = x.key, x.order, r.rnd.Uint64(), t
	r.awake = append(r.awake, t)
	return nil
}

// addAsleep enters a torrent that sleeps.
func (r *registry) addAsleep(p *sleeper) (budget.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, err := r.sit(p.ID)
	if err != nil {
		return 0, err
	}
	r.lie(x, p)
	return x.key, nil
}

// sit makes a seat at the end of the list. The caller holds mu.
func (r *registry) sit(id metainfo.ID) (*seat, error) {
	h := id.Wire()
	switch {
	case r.closed:
		return nil, ErrStopped
	case r.byHash[h] != nil:
		return nil, fmt.Errorf("%v: %w", id, ErrDuplicate)
	case r.byHash == nil:
		r.byHash, r.byVeil, r.byKeys = make(map[metainfo.Hash]*seat), make(map[metainfo.Hash]*seat), make(map[budget.Key]*seat)
	}
	r.last++
	x := &seat{key: r.last, order: uint64(r.last)}
	r.byHash[h], r.byVeil[mse.Veil(h)], r.byKeys[x.key] = x, x, x
	r.seats = append(r.seats, x)
	return x, nil
}

// lie puts a sleeper into its seat, rise takes it out. The caller holds mu.
func (r *registry) lie(x *seat, p *sleeper) {
	if x.t != nil {
		i, _ := slices.BinarySearchFunc(r.awake, x.order, awakeOrder)
		r.awake = slices.Delete(r.awake, i, i+1)
	}
	x.t, x.sleep = nil, p
	r.rest.down, r.rest.up = r.rest.down+p.DownTotal, r.rest.up+p.UpTotal
}

func (r *registry) rise(x *seat, t *torrent) {
	i, _ := slices.BinarySearchFunc(r.awake, x.order, awakeOrder)
	r.awake = slices.Insert(r.awake, i, t)
	r.rest.down, r.rest.up = r.rest.down-x.sleep.DownTotal, r.rest.up-x.sleep.UpTotal
	x.t, x.sleep = t, nil
}

func awakeOrder(t *torrent, n uint64) int { return cmp.Compare(t.order, n) }

// hold adds one to the session's wait group unless the session is ending.
func (r *registry) hold(wg *sync.WaitGroup) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		wg.Add(1)
	}
	return !r.closed
}

// take takes a torrent out and returns its seat, or what is to be waited for first. With data its files are to go too.
func (r *registry) take(id metainfo.ID, data bool) (seat, *turn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.byHash[id.Wire()]
	switch {
	case x == nil:
		return seat{}, nil, fmt.Errorf("%v: %w", id, ErrUnknown)
	case x.turn != nil:
		return seat{}, x.turn, nil
	case x.t != nil:
		x.t.erases.Store(data)
		x.t.removed.Store(true)
	}
	r.clear(x, id.Wire())
	return *x, nil, nil
}

// replace puts the heir of t in its seat, with a key and a seed of its own.
func (r *registry) replace(t, heir *torrent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.byHash[t.id.Wire()]
	switch {
	case r.closed:
		return ErrStopped
	case x == nil:
		return fmt.Errorf("%v: %w", t.id, ErrUnknown)
	case x.t != t || x.turn != nil:
		return fmt.Errorf("%s: %w", t.title(), errBusy)
	}
	r.last++
	delete(r.byKeys, x.key)
	x.key, r.byKeys[r.last] = r.last, x
	heir.key, heir.order, heir.seed, heir.touched = r.last, x.order, r.rnd.Uint64(), time.Now()
	i, _ := slices.BinarySearchFunc(r.awake, x.order, awakeOrder)
	x.t, r.awake[i] = heir, heir
	t.next.Store(heir)
	return nil
}

// clear takes a seat out of the list. The caller holds mu.
func (r *registry) clear(x *seat, h metainfo.Hash) {
	delete(r.byHash, h)
	delete(r.byVeil, mse.Veil(h))
	delete(r.byKeys, x.key)
	i, _ := slices.BinarySearchFunc(r.seats, x.order, func(x *seat, n uint64) int { return cmp.Compare(x.order, n) })
	r.seats = slices.Delete(r.seats, i, i+1)
	if x.t != nil {
		i, _ := slices.BinarySearchFunc(r.awake, x.order, awakeOrder)
		r.awake = slices.Delete(r.awake, i, i+1)
	} else {
		r.rest.down, r.rest.up = r.rest.down-x.sleep.DownTotal, r.rest.up-x.sleep.UpTotal
	}
}

// get returns the torrent with this v1 or v2 hash, if it is awake: Session.awake wakes it.
func (r *registry) get(id metainfo.ID) (*torrent, error) {
	if t := r.find(id.Wire()); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("%v: %w", id, ErrUnknown)
}

// find returns the torrent of a handshake, or nil, also when it is asleep.
func (r *registry) find(h metainfo.Hash) *torrent {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.byHash[h]; x != nil && x.t != nil {
		return x.t
	}
	return nil
}

// unveil returns whose an encrypted handshake is.
func (r *registry) unveil(veil metainfo.Hash) (h metainfo.Hash, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.byVeil[veil]
	switch {
	case x == nil:
		return h, false
	case x.t != nil:
		return x.t.id.Wire(), true
	}
	return x.sleep.ID.Wire(), true
}

// byKey returns the torrent with this key, or nil, also when it is asleep.
func (r *registry) byKey(k budget.Key) *torrent {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.byKeys[k]; x != nil {
		return x.t
	}
	return nil
}

// sleeping returns what is known of a torrent that is asleep; nil when it is not, or is none.
func (r *registry) sleeping(h metainfo.Hash) (budget.Key, *sleeper) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.byHash[h]; x != nil && x.sleep != nil {
		return x.key, x.sleep
	}
	return 0, nil
}

// sleepingKey is the same by key.
func (r *registry) sleepingKey(k budget.Key) *sleeper {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.byKeys[k]; x != nil {
		return x.sleep
	}
	return nil
}

// has reports whether a torrent is here, asleep or awake.
func (r *registry) has(h metainfo.Hash) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byHash[h] != nil
}

// all returns those that are awake.
func (r *registry) all() []*torrent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.awake)
}

// everyone calls one of two functions for each torrent, in the order in which they were added, without the lock.
func (r *registry) everyone(awake func(*torrent), asleep func(*sleeper)) {
	type either struct {
		t *torrent
		p *sleeper
	}
	r.mu.Lock()
	list := make([]either, len(r.seats))
	for i, x := range r.seats {
		list[i] = either{x.t, x.sleep}
	}
	r.mu.Unlock()
	for _, e := range list {
		if e.t != nil {
			awake(e.t)
		} else {
			asleep(e.p)
		}
	}
}

// count returns how many torrents there are, those of them that are awake, and the totals of the others, all of one moment.
func (r *registry) count() (all int, awake []*torrent, rest totals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seats), slices.Clone(r.awake), r.rest
}

// close refuses further torrents.
func (r *registry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// ending reports whether close was called.
func (r *registry) ending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// random returns a new generator, for one user.
func (r *registry) random() *rand.Rand {
	r.mu.Lock()
	defer r.mu.Unlock()
	return rand.New(rand.NewPCG(r.rnd.Uint64(), r.rnd.Uint64()))
}
