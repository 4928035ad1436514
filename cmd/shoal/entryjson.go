package main

import (
	"time"

	"shoal/internal/text"
	"shoal/status"
)

// entryEvent is the JSON line about one torrent of a daemon; sizes in bytes, rates in bytes a second, times in seconds.
type entryEvent struct {
	event
	ID          string     `json:"id"`
	Number      int        `json:"number"`
	Name        string     `json:"name"`
	State       string     `json:"state"`
	Stalled     bool       `json:"stalled,omitempty"`
	GoalReached bool       `json:"goal_reached,omitempty"`
	Error       string     `json:"error,omitempty"`
	Dir         string     `json:"dir"`
	Size        int64      `json:"size"`
	Wanted      int64      `json:"wanted"`
	Have        int64      `json:"have"`
	Checked     float64    `json:"checked,omitempty"`
	Down        int64      `json:"down"`
	Up          int64      `json:"up"`
	Downloaded  int64      `json:"downloaded"`
	Uploaded    int64      `json:"uploaded"`
	Ratio       float64    `json:"ratio"`
	ETA         int64      `json:"eta"` // -1: unknown
	Peers       int        `json:"peers"`
	Queue       int        `json:"queue"` // from 1
	Priority    int8       `json:"priority"`
	DownLimit   int64      `json:"down_limit,omitempty"`
	UpLimit     int64      `json:"up_limit,omitempty"`
	Exempt      bool       `json:"exempt,omitempty"`
	Private     bool       `json:"private,omitempty"`
	Sequential  bool       `json:"sequential,omitempty"`
	Labels      []string   `json:"labels,omitempty"`
	Trackers    [][]string `json:"trackers,omitempty"`
	Comment     string     `json:"comment,omitempty"`
	Magnet      string     `json:"magnet,omitempty"`
	Pieces      int        `json:"pieces"`
	PieceLength int        `json:"piece_length"`
	Added       *time.Time `json:"added,omitempty"`
	Finished    *time.Time `json:"finished,omitempty"`
	Active      *time.Time `json:"active,omitempty"`
	Downloading float64    `json:"downloading"`
	Seeding     float64    `json:"seeding"`
}

func entryEventOf(e *status.Entry) entryEvent {
	eta := int64(-1)
	if e.ETA >= 0 && !e.Complete() {
		eta = int64(e.ETA / time.Second)
	}
	return entryEvent{event: newEvent("entry"), ID: e.ID.String(), Number: e.Number, Name: text.Clean(e.Name, 0), State: e.State(), Stalled: e.Stalled, GoalReached: e.GoalReached,
		Error: text.Clean(e.Err, 0), Dir: e.Dir, Size: e.Size, Wanted: e.Wanted, Have: e.Have, Checked: e.Checked, Down: e.Down, Up: e.Up, Downloaded: e.DownTotal, Uploaded: e.UpTotal,
		Ratio: ratio(&e.Torrent), ETA: eta, Peers: e.Peers, Queue: e.QueuePosition + 1, Priority: e.Priority, DownLimit: e.DownLimit, UpLimit: e.UpLimit, Exempt: e.Exempt,
		Private: e.Private, Sequential: e.Sequential, Labels: e.Labels, Trackers: e.Trackers, Comment: text.Clean(e.Comment, 0), Magnet: e.Magnet(),
		Pieces: e.Pieces, PieceLength: e.PieceLength, Added: timeOrNil(e.Added), Finished: timeOrNil(e.Finished), Active: timeOrNil(e.Active),
		Downloading: e.Downloading.Seconds(), Seeding: e.Seeding.Seconds()}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
