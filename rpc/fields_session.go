package rpc

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"shoal/status"
)

// session is what the settings' fields are written from.
type session struct {
	s    status.Settings
	free int64
	id   string // of the HTTP session
	kept kept
	old  bool
}

// setting is one field of session_get, and of session_set if it has a setter.
type setting struct {
	field[session]
	set     func(s *status.Settings, v value) error
	setKept func(s *status.Settings, k *kept, v value) error // instead of set, of a pair
}

func wrong(name, want string) error {
	return fmt.Errorf("%s: %w: %s is expected", name, errArgument, want)
}

// boolSetting is a truth value.
func boolSetting(name, doc string, at func(*status.Settings) *bool) setting {
	return setting{field: field[session]{name: name, doc: doc, write: func(b []byte, v *session) []byte { return appendBool(b, *at(&v.s)) }},
		set: func(s *status.Settings, v value) error {
			on, ok := v.boolean()
			if !ok {
				return wrong(name, "true or false")
			}
			*at(s) = on
			return nil
		}}
}

// intSetting is a number, in units of unit of what it is stored as; an int counts things, maxCount at most.
func intSetting[N int | int64 | time.Duration](name, doc string, unit int64, at func(*status.Settings) *N) setting {
	return setting{field: field[session]{name: name, doc: doc, write: func(b []byte, v *session) []byte {
		return appendInt(b, (int64(*at(&v.s))+unit-1)/unit)
	}}, set: func(s *status.Settings, v value) error {
		f, ok := v.float()
		if !ok || f < 0 || f*float64(unit) > most[N]() {
			return wrong(name, "a number from 0")
		}
		*at(s) = N(math.Round(f * float64(unit)))
		return nil
	}}
}

// portSetting is intSetting for a port.
func portSetting(name, doc string, at func(*status.Settings) *int) setting {
	s := intSetting(name, doc, 1, at)
	set := s.set
	return s.setter(func(s *status.Settings, v value) error {
		if n, ok := v.float(); ok && n > math.MaxUint16 {
			return wrong(name, "a number from 0 to 65535")
		}
		return set(s, v)
	})
}

func textSetting(name, doc string, at func(*status.Settings) *string) setting {
	return setting{field: field[session]{name: name, doc: doc, write: func(b []byte, v *session) []byte { return appendString(b, *at(&v.s)) }},
		set: func(s *status.Settings, v value) error {
			text, ok := v.str()
			if !ok || strings.ContainsRune(text, 0) || len(text) > maxTextSetting {
				return wrong(name, "a string of at most 4096 bytes")
			}
			*at(s) = text
			return nil
		}}
}

// kept are the values of limits that are off: the protocol has a value and a switch for each, the settings
// one number whose 0 means none. They last as long as the server.
type kept [numKept]float64

const (
	keptDown = iota
	keptUp
	keptRatio
	keptIdle
	keptDownloads
	keptSeeds
	keptStalled
	numKept
)

// pair is a limit as the protocol has it, a switch and a value in units of unit. Its two settings must be applied in this order.
func pair[N int | int64 | float64 | time.Duration](onName, name, doc string, which int, unit, fallback float64, at func(*status.Settings) *N) []setting {
	on := setting{field: field[session]{name: onName, doc: "whether " + name + " counts"}}
	on.write = func(b []byte, v *session) []byte { return appendBool(b, *at(&v.s) > 0) }
	on.setKept = func(s *status.Settings, k *kept, v value) error {
		switch on, ok := v.boolean(); {
		case !ok:
			return wrong(onName, "true or false")
		case !on && *at(s) > 0:
			k[which] = float64(*at(s)) / unit
			*at(s) = 0
		case on && *at(s) == 0:
			*at(s) = stored[N](cmp.Or(k[which], fallback), unit)
		}
		return nil
	}
	val := setting{field: field[session]{name: name, doc: doc}}
	val.write = func(b []byte, v *session) []byte {
		f := float64(*at(&v.s)) / unit
		if f == 0 {
			f = cmp.Or(v.kept[which], fallback)
		}
		if _, ratio := any(*at(&v.s)).(float64); ratio {
			return appendFloat(b, f)
		}
		return appendInt(b, int64(math.Ceil(f)))
	}
	val.setKept = func(s *status.Settings, k *kept, v value) error {
		f, ok := v.float()
		if !ok || f < 0 || f*unit > most[N]() {
			return wrong(name, "a number from 0")
		}
		if n := stored[N](f, unit); *at(s) > 0 {
			if n == 0 { // nothing at all there, no limit here
				return wrong(name, "a number above 0 while it counts")
			}
			*at(s) = n
		}
		k[which] = f
		return nil
	}
	return []setting{on, val}
}

// stored is a value in the unit of the settings; but for a ratio that is a whole number.
func stored[N int | int64 | float64 | time.Duration](f, unit float64) N {
	if unit == 1 {
		return N(f)
	}
	return N(math.Round(f * unit))
}

// fixed is a setting of the protocol that this daemon has no choice about.
func fixed(name, doc, json string) setting {
	return setting{field: field[session]{name: name, doc: doc, write: func(b []byte, _ *session) []byte { return append(b, json...) }}}
}

func readSetting(name, doc string, n needs, write func([]byte, *session) []byte) setting {
	return setting{field: field[session]{name: name, doc: doc, needs: n, write: write}}
}

const (
	// maxStored is the most that a number may be as it is stored, bytes or nanoseconds. Sums of a few do not wrap.
	maxStored = 1 << 60
	// maxCount is the most torrents, connections or the like.
	maxCount = 1 << 30
	// maxTextSetting is how long a path or URL may be, in bytes.
	maxTextSetting = 4096
)

// most is the most that a number of its type may be.
func most[N any]() float64 {
	if _, count := any(*new(N)).(int); count {
		return maxCount
	}
	return maxStored
}
