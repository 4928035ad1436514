package tracker

import (
	"testing"
	"time"
)

// TestScheduleReplace: who stays is left in peace, who goes is told so, and who comes is asked where nobody else works.
func TestScheduleReplace(t *testing.T) {
	now := epoch
	s := newSchedule("http://a http://b", "http://c")
	first := ask(t, s, &now, works)
	due := s.Next()
	if owed := s.Replace(now, [][]string{{"http://new", first.URL}}); len(owed) != 0 || !s.Next().Equal(due) {
		t.Errorf("%v is owed, next at %v", owed, s.Next())
	}
	if st := s.States(); len(st) != 2 || st[0].URL != first.URL || !st[0].Working {
		t.Errorf("%+v", st)
	}
	owed := s.Replace(now, [][]string{{"http://new"}, {"http://other"}})
	if len(owed) != 1 || owed[0].URL != first.URL || owed[0].Event != Stopped {
		t.Errorf("%+v is owed", owed)
	}
	if r := ask(t, s, &now, works); r.Event != Started || now.After(epoch.Add(time.Minute)) {
		t.Errorf("%+v at %v", r, now)
	}
}

// TestScheduleReplaceUnderWay: a tracker that is taken away while it is asked holds nobody up, and its answer does nothing.
func TestScheduleReplaceUnderWay(t *testing.T) {
	now := epoch
	s := newSchedule("http://a", "http://b", "http://c")
	slow := s.Due(now)[0].URL
	now = now.Add(overtake)
	slower := s.Due(now)[0].URL
	if owed := s.Replace(now, [][]string{{"http://new"}}); len(owed) != 0 {
		t.Errorf("%+v is owed", owed)
	}
	r := ask(t, s, &now, works)
	if r.URL != "http://new" || now.After(epoch.Add(time.Minute)) {
		t.Errorf("%+v at %v", r, now)
	}
	next := s.Next()
	s.Done(now, slow, Reply{Interval: time.Hour}, nil)
	s.Done(now, slower, Reply{}, errDown)
	if s.behind != 0 || s.asking != nil || !s.Next().Equal(next) {
		t.Errorf("behind %d, asking %v, next %v", s.behind, s.asking, s.Next())
	}
	if owed := s.Replace(now, nil); len(owed) != 1 || !s.Next().IsZero() {
		t.Errorf("%+v is owed, next %v", owed, s.Next())
	}
}
