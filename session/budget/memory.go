package budget

import "slices"

// Memory deals room for open pieces. A torrent that holds nothing is always
// granted, so that every torrent can make progress whatever the others hold;
// the total may therefore pass the limit by one piece a torrent. The last quarter of
// the room is kept for those that hold less than an equal share of all.
//
// What torrents hold all the time (see Hold) comes out of the same room, of which a quarter is left to pieces whatever happens.
type Memory struct {
	limit, used int64
	holders     []holder
	fixed       int64
	fixtures    []holder
}

type holder struct {
	key   Key
	bytes int64
}

// NewMemory returns a dealer of limit bytes.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit} }

// SetLimit changes the room. What is held beyond it stays until it is released.
func (m *Memory) SetLimit(limit int64) { m.limit = limit }

// Hold notes that a torrent has n bytes beside its open pieces for as long as it is there, until Drop: a torrent of a million
// pieces has fifty million.
func (m *Memory) Hold(k Key, n int64) {
	m.unhold(k)
	m.fixtures = append(m.fixtures, holder{key: k, bytes: n})
	m.fixed += n
}

func (m *Memory) unhold(k Key) {
	if h := slices.IndexFunc(m.fixtures, func(h holder) bool { return h.key == k }); h >= 0 {
		m.fixed -= m.fixtures[h].bytes
		m.fixtures = slices.Delete(m.fixtures, h, h+1)
	}
}

// Used returns the bytes held by open pieces.
func (m *Memory) Used() int64 { return m.used }

// Reserve takes n bytes for a torrent and reports whether it was granted.
func (m *Memory) Reserve(k Key, n int64) bool {
	h := m.find(k)
	if h >= 0 {
		limit := max(m.limit-m.fixed, m.limit/4)
		room := limit
		if len(m.holders) > 1 && m.holders[h].bytes+n > limit/int64(len(m.holders)) {
			room -= limit / 4
		}
		if m.used+n > room {
			return false
		}
	}
	if h < 0 {
		m.holders = append(m.holders, holder{key: k})
		h = len(m.holders) - 1
	}
	m.holders[h].bytes += n
	m.used += n
	return true
}

// Release gives n bytes back, at most what the torrent holds.
func (m *Memory) Release(k Key, n int64) {
	h := m.find(k)
	if h < 0 {
		return
	}
	n = min(n, m.holders[h].bytes)
	m.holders[h].bytes -= n
	m.used -= n
	if m.holders[h].bytes == 0 {
		m.holders = append(m.holders[:h], m.holders[h+1:]...)
	}
}

// Drop gives back all that a torrent holds, when it ends.
func (m *Memory) Drop(k Key) {
	m.unhold(k)
	if h := m.find(k); h >= 0 {
		m.Release(k, m.holders[h].bytes)
	}
}

func (m *Memory) find(k Key) int {
	for i := range m.holders {
		if m.holders[i].key == k {
			return i
		}
	}
	return -1
}
