package library

import (
	"time"

	"shoal/session/goals"
	"shoal/session/queue"
)

// act is what the loop does to a torrent.
type act uint8

const (
	leave  act = iota
	open       // hand it to the session
	pause      // it runs and may not
	resume     // it stands and may run
	finish     // a goal of its seeding is reached
	check      // hash it anew
	look       // hand it to the session, where it stands: what is there of it already?
)

// facts are what decide needs to know of one torrent.
type facts struct {
	place   place
	paused  bool      // live, and it stands
	recheck bool      // it is to be hashed anew
	fresh   bool      // added in this run, and its files were not looked at yet
	failed  bool      // live, and it stands because of an error
	stopped bool      // by the user, a goal or an error
	again   time.Time // not handed over before
	queue   queue.Torrent
	goal    goals.Torrent
}

// orders are the answers of decide, one for each torrent.
type orders struct {
	acts []act
	wait []bool // it waits for its turn
	may  []bool
	list []queue.Torrent
	at   []int32
}

// maxChecks is how many torrents are hashed at a time because somebody asked for it, or that were added stopped.
const maxChecks = 2

// decide says what is to be done with each of n torrents, given the limits of the queue and the goals of seeding; checking is how many are
// being hashed. It reads no clock, and all times are of the monotonic one, so that nobody is stopped because the wall's was set; it reuses
// what o has, and asks for facts anew instead of keeping those of all.
func (o *orders) decide(now time.Time, n int, facts func(int) facts, checking int, lim queue.Limits, def goals.Defaults) {
	o.acts = append(o.acts[:0], make([]act, n)...)
	o.wait = append(o.wait[:0], make([]bool, n)...)
	o.list, o.at = o.list[:0], o.at[:0]
	for i := range n {
		f := facts(i)
		switch {
		case f.recheck:
			if checking < maxChecks && f.place != opening {
				checking++
				o.acts[i] = check
			}
		case f.stopped:
			switch {
			case f.place == live && !f.paused && !f.failed:
				o.acts[i] = pause
			case f.place == cold && f.fresh && !f.again.After(now) && checking < maxChecks:
				checking++
				o.acts[i] = look
			}
		case goals.Reached(now, f.goal, def).Reached != goals.None && !f.queue.Forced:
			o.acts[i] = finish
		case f.failed || f.again.After(now):
		default:
			o.list, o.at = append(o.list, f.queue), append(o.at, int32(i))
		}
	}
	o.may, _ = queue.Decide(now, o.list, lim, o.may)
	for n, i := range o.at {
		f := facts(int(i))
		switch {
		case o.may[n] && f.place == live && f.paused:
			o.acts[i] = resume
		case o.may[n] && (f.place == cold || f.place == failed):
			o.acts[i] = open
		case !o.may[n] && f.place == live && !f.paused:
			o.acts[i] = pause
		}
		o.wait[i] = !o.may[n]
	}
}
