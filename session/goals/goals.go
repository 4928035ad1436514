// Package goals decides when a torrent has seeded enough: by ratio, by time, or because nobody asked for it. It owns no state and
// reads no clock: all of it is functions of their arguments, which any goroutine may call.
package goals

import (
	"math"
	"time"

	"shoal/status"
)

// Defaults are the goals of the settings; 0 is none.
type Defaults struct {
	Ratio          float64
	Idle, SeedTime time.Duration
}

// Torrent is what the goals are measured against. Bytes are payload, in all runs.
type Torrent struct {
	Ratio          status.Goal[float64]
	Idle, SeedTime status.Goal[time.Duration]

	Complete         bool  // everything wanted is there
	Wanted, Down, Up int64 // bytes wanted, received and sent
	Rate             int64 // bytes a second that are sent now
	// Begun is when it last began to seed: when it was started or became complete, or for one that was added complete, when it
	// was added. Active is when payload last came or went, zero for never.
	Begun, Active time.Time
	Seeding       time.Duration // how long it seeded, in all runs, up to now
}

// Which says which goal was reached.
type Which uint8

const (
	None Which = iota
	ByRatio
	ByIdle
	BySeedTime
)

// String returns the goal as it reads in a sentence: "reached the goal of its ratio".
func (w Which) String() string {
	return [...]string{"none", "ratio", "idle time", "seeding time"}[w]
}

// Answer is what Reached says.
type Answer struct {
	Reached Which // None: it seeds on
	// Next is when to ask again if nothing about the torrent changes but the bytes that it sends; zero for never. What it has
	// sent can change the answer earlier only when it begins to send.
	Next time.Time
}

// Reached says whether a torrent has reached one of its goals. One that is not complete never has. A goal of its own of 0 is
// reached at once; goals that are negative, infinite or no number are none.
func Reached(now time.Time, t Torrent, d Defaults) Answer {
	if !t.Complete {
		return Answer{}
	}
	var a Answer
	if goal, ok := ratioGoal(t.Ratio, d.Ratio); ok {
		left := leftOf(t, goal)
		if left <= 0 {
			return Answer{Reached: ByRatio}
		}
		if t.Rate > 0 {
			// The rate may change: look twice on the way, but not more often than once a second, and at least once a minute.
			wait := time.Duration(min(max(left/float64(t.Rate)/2, 1), 60) * float64(time.Second))
			a.ask(now.Add(wait))
		}
	}
	if goal, ok := timeGoal(t.SeedTime, d.SeedTime); ok {
		if t.Seeding >= goal {
			return Answer{Reached: BySeedTime}
		}
		a.ask(now.Add(goal - max(t.Seeding, 0)))
	}
	if goal, ok := timeGoal(t.Idle, d.Idle); ok {
		last := t.Begun
		if t.Active.After(last) {
			last = t.Active
		}
		if last.After(now) {
			last = now // the clock was set back
		}
		if now.Sub(last) >= goal {
			return Answer{Reached: ByIdle}
		}
		a.ask(last.Add(goal))
	}
	return a
}

func (a *Answer) ask(at time.Time) {
	if a.Next.IsZero() || at.Before(a.Next) {
		a.Next = at
	}
}

// leftOf is how many bytes are to be sent until the ratio is reached, not more than 0 when it is, and +Inf when it cannot be said.
func leftOf(t Torrent, goal float64) float64 {
	switch ratio := status.Ratio(t.Wanted, t.Down, t.Up); {
	case goal == 0, ratio >= goal:
		return 0
	case ratio < 0:
		return math.Inf(1)
	}
	return goal*float64(max(t.Wanted, t.Down)) - float64(max(t.Up, 0))
}

func ratioGoal(own status.Goal[float64], fallback float64) (float64, bool) {
	usable := func(r float64) bool { return r >= 0 && !math.IsInf(r, 1) } // and no NaN
	switch own.Mode {
	case status.GoalOwn:
		return own.Value, usable(own.Value)
	case status.GoalDefault:
		return fallback, fallback != 0 && usable(fallback)
	}
	return 0, false
}

func timeGoal(own status.Goal[time.Duration], fallback time.Duration) (time.Duration, bool) {
	switch own.Mode {
	case status.GoalOwn:
		return own.Value, own.Value >= 0
	case status.GoalDefault:
		return fallback, fallback > 0
	}
	return 0, false
}
