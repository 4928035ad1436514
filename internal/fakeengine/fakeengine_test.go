package fakeengine

import (
	"testing"
	"time"

	"shoal/status"
)

var _ status.Engine = (*Engine)(nil)

func TestChangesAreSeenInOrder(t *testing.T) {
	e := New(3)
	all, _, err := e.Entries(t.Context(), time.Time{})
	if err != nil || len(all) != 3 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	since := all[2].Changed
	if err := e.Stop(t.Context(), all[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := e.Remove(t.Context(), all[1].ID, status.Removal{}); err != nil {
		t.Fatal(err)
	}
	list, gone, err := e.Entries(t.Context(), since)
	if err != nil || len(list) != 1 || list[0].Number != 1 || !list[0].Stopped || len(gone) != 1 || gone[0] != 2 {
		t.Errorf("changed: %d entries, gone %v, %v", len(list), gone, err)
	}
}
