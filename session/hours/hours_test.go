package hours

import (
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata"

	"shoal/status"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func windows(t *testing.T, text ...string) []status.Window {
	t.Helper()
	var all []status.Window
	for _, s := range text {
		w, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

// TestQ04Changes lists when a schedule changes. Times with two offsets tell the two hours of the same name apart.
func TestQ04Changes(t *testing.T) {
	for _, c := range []struct {
		name, zone string
		windows    []string
		from       string
		on         bool
		changes    []string
	}{
		{"working days", "UTC", []string{"mon-fri 08:00-18:00"}, "2026-03-06T12:00:00Z", true, []string{"2026-03-06T18:00:00Z", "2026-03-09T08:00:00Z"}},
		{"over midnight, from Saturday into Sunday", "UTC", []string{"sat 22:00-06:00"}, "2026-03-08T05:59:59Z", true, []string{"2026-03-08T06:00:00Z", "2026-03-14T22:00:00Z"}},
		{"the whole day", "UTC", []string{"sun 00:00-24:00"}, "2026-03-07T00:00:00Z", false, []string{"2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"}},
		{"24 hours from noon", "UTC", []string{"sun 12:00-12:00"}, "2026-03-08T12:00:00Z", true, []string{"2026-03-09T12:00:00Z", "2026-03-15T12:00:00Z"}},
		{"always", "UTC", []string{"daily 00:00-24:00"}, "2026-03-08T12:00:00Z", true, []string{""}},
		{"windows that touch are one", "UTC", []string{"daily 08:00-12:00", "daily 12:00-13:00"}, "2026-03-08T09:00:00Z", true, []string{"2026-03-08T13:00:00Z"}},
		{"windows that overlap", "UTC", []string{"sun 08:00-12:00", "sun 10:00-11:00", "mon 0:00-1:00"}, "2026-03-08T10:30:00Z", true, []string{"2026-03-08T12:00:00Z", "2026-03-09T00:00:00Z", "2026-03-09T01:00:00Z"}},
		{"a beginning in the gap", "Europe/Berlin", []string{"sun 02:30-04:00"}, "2026-03-29T01:00:00+01:00", false, []string{"2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"}},
		{"an end in the gap", "Europe/Berlin", []string{"sun 01:00-02:30"}, "2026-03-29T01:30:00+01:00", true, []string{"2026-03-29T03:00:00+02:00"}},
		{"all in the gap: a week later", "Europe/Berlin", []string{"sun 02:10-02:50"}, "2026-03-29T00:00:00+01:00", false, []string{"2026-04-05T02:10:00+02:00"}},
		{"over the gap", "Europe/Berlin", []string{"sat 23:00-07:00"}, "2026-03-29T00:00:00+01:00", true, []string{"2026-03-29T07:00:00+02:00"}},
		{"the hour that comes twice", "America/New_York", []string{"sun 01:15-01:45"}, "2026-11-01T00:00:00-04:00", false,
			[]string{"2026-11-01T01:15:00-04:00", "2026-11-01T01:45:00-04:00", "2026-11-01T01:15:00-05:00", "2026-11-01T01:45:00-05:00", "2026-11-08T01:15:00-05:00"}},
		{"over the hour that comes twice", "America/New_York", []string{"sat 22:00-08:00"}, "2026-10-31T23:00:00-04:00", true, []string{"2026-11-01T08:00:00-05:00"}},
		{"midnight that does not exist", "America/Santiago", []string{"sun 00:00-01:00"}, "2025-09-06T12:00:00-04:00", false, []string{"2025-09-14T00:00:00-03:00"}},
		{"half an hour of summer", "Australia/Lord_Howe", []string{"sun 02:00-03:00"}, "2026-10-04T01:00:00+10:30", false, []string{"2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"}},
		{"a day that does not exist", "Pacific/Apia", []string{"fri 10:00-11:00"}, "2011-12-29T12:00:00-10:00", false, []string{"2012-01-06T10:00:00+14:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ws := windows(t, c.windows...)
			at, err := time.Parse(time.RFC3339, c.from)
			if err != nil {
				t.Fatal(err)
			}
			at = at.In(zone(t, c.zone))
			if got := On(ws, at); got != c.on {
				t.Errorf("at %v: %v", at, got)
			}
			for _, want := range c.changes {
				next := Next(ws, at)
				got := ""
				if !next.IsZero() {
					got = next.Format(time.RFC3339)
				}
				if got != want {
					t.Fatalf("after %v: %s, want %s", at, got, want)
				}
				at = next
			}
		})
	}
}

// TestQ04Minutes: On changes at the minutes that Next names and at no others, around the jumps of a year.
func TestQ04Minutes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"} {
		l := zone(t, name)
		for range 3 {
			ws := make([]status.Window, 1+rnd.IntN(3))
			for i := range ws {
				ws[i] = status.Window{Days: uint8(rnd.IntN(128)), From: time.Duration(rnd.IntN(1440)) * time.Minute, To: time.Duration(rnd.IntN(1441)) * time.Minute}
			}
			everyMinute(t, ws, time.Date(2026, 3, 1, 0, 0, 0, 0, l), 45)
			everyMinute(t, ws, time.Date(2026, 8, 31, 0, 0, 0, 0, l), 70)
		}
	}
}

func everyMinute(t *testing.T, ws []status.Window, at time.Time, days int) {
	t.Helper()
	on, next := On(ws, at), Next(ws, at)
	for end := at.AddDate(0, 0, days); at.Before(end); at = at.Add(time.Minute) {
		if at.Equal(next) {
			if next = Next(ws, at); On(ws, at) == on {
				t.Fatalf("%v: nothing changes at %v", ws, at)
			}
			on = !on
		} else if On(ws, at) != on {
			t.Fatalf("%v: the change at %v was not foreseen, but %v", ws, at, next)
		}
	}
}

func TestNextOfNothing(t *testing.T) {
	for _, ws := range [][]status.Window{nil, {{}}, {{Days: 0, From: time.Hour, To: 2 * time.Hour}}, {{Days: 0x80, To: time.Hour}}} {
		if at := time.Now(); On(ws, at) || !Next(ws, at).IsZero() {
			t.Errorf("%v: %v, next %v", ws, On(ws, at), Next(ws, at))
		}
	}
}
