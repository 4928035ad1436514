package hours

import (
	"testing"
	"time"

	"shoal/status"
)

func TestParse(t *testing.T) {
	h := func(n float64) time.Duration { return time.Duration(n * float64(time.Hour)) }
	for _, c := range []struct {
		text string
		want status.Window
		back string
	}{
		{"mon-fri 08:00-18:00", status.Window{Days: 0x3e, From: h(8), To: h(18)}, ""},
		{"Monday-Friday 8:00-18:30", status.Window{Days: 0x3e, From: h(8), To: h(18.5)}, "mon-fri 08:00-18:30"},
		{"sat,sun 0:00-24:00", status.Window{Days: 0x41}, "sat-sun 00:00-24:00"},
		{"fri-mon 22:00-06:00", status.Window{Days: 0x63, From: h(22), To: h(6)}, "mon,fri-sun 22:00-06:00"},
		{"  23:00-07:00 ", status.Window{Days: 0x7f, From: h(23), To: h(7)}, "daily 23:00-07:00"},
		{"weekends,wed 12:00-12:00", status.Window{Days: 0x49, From: h(12), To: h(12)}, "wed,sat-sun 12:00-12:00"},
		{"tue,tue 22:00-24:00", status.Window{Days: 4, From: h(22)}, "tue 22:00-24:00"},
		{"tue-mon 01:00-02:00", status.Window{Days: 0x7f, From: h(1), To: h(2)}, "daily 01:00-02:00"},
	} {
		w, err := Parse(c.text)
		if err != nil || w != c.want || Check(w) != nil {
			t.Errorf("%q: %+v, %v, %v", c.text, w, err, Check(w))
		}
		if c.back == "" {
			c.back = c.text
		}
		if got := Format(w); got != c.back {
			t.Errorf("%q comes back as %q", c.text, got)
		}
	}
	for _, bad := range []string{"", "mon", "mon-fri", "8-18", "mon 08:00", "mon 08:00-", "mon 8:0-9:00", "mon 08:00-24:01", "mon 24:00-08:00", "mon 25:00-26:00",
		"mon 08:60-09:00", "mo 08:00-09:00", "mondays 08:00-09:00", "mon- 08:00-09:00", ", 08:00-09:00", "mon 08:00-09:00 x", "mon -8:00-09:00", "mon +8:00-9:00", "mon 008:00-09:00"} {
		if w, err := Parse(bad); err == nil {
			t.Errorf("%q is %+v", bad, w)
		}
	}
	for _, w := range []status.Window{{}, {Days: 0x80}, {Days: 1, From: 24 * time.Hour}, {Days: 1, From: -1}, {Days: 1, To: 25 * time.Hour}, {Days: 1, To: time.Second}} {
		if Check(w) == nil {
			t.Errorf("%+v passes", w)
		}
	}
}

func TestTransmission(t *testing.T) {
	// Its defaults: from 9 to 17 o'clock, every day.
	w, err := FromTransmission(540, 1020, 127)
	if err != nil || Format(w) != "daily 09:00-17:00" {
		t.Errorf("%v, %v", w, err)
	}
	for _, bad := range [][3]int{{-1, 0, 0}, {1440, 0, 1}, {0, -1, 1}, {0, 1441, 1}, {0, 1, 128}, {0, 1, -1}} {
		if w, err := FromTransmission(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%v is %+v", bad, w)
		}
	}
	for _, c := range []struct {
		windows          []string
		begin, end, days int
		exact            bool
	}{
		{nil, 0, 0, 0, true},
		{[]string{"mon-fri 08:00-18:00"}, 480, 1080, 0x3e, true},
		{[]string{"sat 22:00-24:00", "sun 22:00-24:00"}, 1320, 0, 0x41, true},
		{[]string{"sat 22:00-24:00", "sun 22:00-23:00"}, 1320, 0, 0x40, false},
		{[]string{"daily 00:00-24:00"}, 0, 0, 0x7f, true},
	} {
		begin, end, days, exact := ToTransmission(windows(t, c.windows...))
		if begin != c.begin || end != c.end || days != c.days || exact != c.exact {
			t.Errorf("%v: %d %d %#x %v", c.windows, begin, end, days, exact)
		}
		if w, err := FromTransmission(begin, end, days); err != nil || len(c.windows) == 1 && w != windows(t, c.windows...)[0] {
			t.Errorf("%v came back as %+v, %v", c.windows, w, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"mon-fri 08:00-18:00", "sat,sun 0:00-24:00", "23:00-07:00", "weekends,wed 12:00-12:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w, err := Parse(s)
		if err != nil {
			return
		}
		if err := Check(w); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if again, err := Parse(Format(w)); err != nil || again != w {
			t.Fatalf("%q is %+v, written as %q that is %+v, %v", s, w, Format(w), again, err)
		}
	})
}
