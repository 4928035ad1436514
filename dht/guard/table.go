package guard

// ways is how many entries share a set of a table.
const ways = 4

// table is a hash table of fixed size. What is new takes the place of the oldest in
// its set; the hash is keyed, so nobody outside can choose the set.
type table[V any] struct{ sets [][ways]slot[V] }

type slot[V any] struct {
	hash uint64
	at   int64 // when it was last used; 0 for an empty slot
	val  V
}

// newTable returns a table for n entries, a power of two.
func newTable[V any](n int) table[V] { return table[V]{make([][ways]slot[V], n/ways)} }

func (t *table[V]) set(hash uint64) *[ways]slot[V] { return &t.sets[hash&uint64(len(t.sets)-1)] }

// find returns the entry of hash, or nil.
func (t *table[V]) find(hash uint64) *slot[V] {
	set := t.set(hash)
	for i := range set {
		if s := &set[i]; s.hash == hash && s.at != 0 {
			return s
		}
	}
	return nil
}

// place returns the entry of hash and whether it was there; else a zeroed one in
// the place of the oldest of its set, last used now.
func (t *table[V]) place(hash uint64, now int64) (s *slot[V], found bool) {
	if s = t.find(hash); s != nil {
		return s, true
	}
	set := t.set(hash)
	s = &set[0]
	for i := range set {
		if set[i].at < s.at {
			s = &set[i]
		}
	}
	*s = slot[V]{hash: hash, at: now}
	return s, false
}
