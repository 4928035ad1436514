package session

import "time"

// agenda orders what is to be done by its moment: a heap in which each entry knows its place, so that entering, moving and taking out
// cost O(log n) and the first is at hand. Entries of one moment come in any order. It is pure; the zero value is empty, and whoever owns it guards it.
type agenda[E dated] struct{ list []E }

// dated is an entry of an agenda, which has its date in it: one entry is in one agenda at a time.
type dated interface{ when() *date }

// date is when an entry is due, and its place. The zero value is that of an entry which is in no agenda.
type date struct {
	at    time.Time
	place int // in agenda.list, counted from 1; 0: it is not there
}

func (d *date) when() *date { return d }

// set enters e or moves it to another moment. The zero time takes it out.
func (a *agenda[E]) set(e E, at time.Time) {
	d := e.when()
	if at.IsZero() {
		a.remove(e)
		return
	}
	d.at = at
	if d.place == 0 {
		a.list = append(a.list, e)
		d.place = len(a.list)
	}
	a.settle(d.place - 1)
}

// remove takes e out, if it is there.
func (a *agenda[E]) remove(e E) {
	d := e.when()
	if d.place == 0 {
		return
	}
	i, last := d.place-1, len(a.list)-1
	a.swap(i, last)
	var none E
	a.list[last], d.place = none, 0
	a.list = a.list[:last]
	if i < last {
		a.settle(i)
	}
}

// first returns the entry that is due before the others, false when there is none.
func (a *agenda[E]) first() (e E, ok bool) {
	if len(a.list) == 0 {
		return e, false
	}
	return a.list[0], true
}

// due returns the first entry if its moment has come.
func (a *agenda[E]) due(now time.Time) (e E, ok bool) {
	if e, ok = a.first(); ok && e.when().at.After(now) {
		var none E
		return none, false
	}
	return e, ok
}

// next returns the moment of the first entry; zero when there is none.
func (a *agenda[E]) next() time.Time {
	if len(a.list) == 0 {
		return time.Time{}
	}
	return a.at(0)
}

func (a *agenda[E]) at(i int) time.Time { return a.list[i].when().at }

// settle restores the order around place i, whose entry has another moment.
func (a *agenda[E]) settle(i int) {
	for i > 0 && a.at(i).Before(a.at((i-1)/2)) {
		a.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(a.list); c++ {
			if a.at(c).Before(a.at(least)) {
				least = c
			}
		}
		if least == i {
			return
		}
		a.swap(i, least)
		i = least
	}
}

func (a *agenda[E]) swap(i, j int) {
	a.list[i], a.list[j] = a.list[j], a.list[i]
	a.list[i].when().place, a.list[j].when().place = i+1, j+1
}
