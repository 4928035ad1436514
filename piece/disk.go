package piece

import (
	"context"
	"runtime"
	"sync"

	"shoal/internal/sha1x"
)

// Disk runs Jobs on a fixed number of workers for all torrents of a session. A Commit is hashed, together
// with others that wait, and then stands in line for its Store, which one worker at a time writes to.
// Commits and Writes go before Verifies, unless they wait for another write to their Store. Each kind, of
// one Store, is begun in the order of submission; Writes end in it too, others as their hashes are ready. Submit may be
// called from any goroutine; the queue has no bound of its own, because whoever submits holds the room for
// the job's completion. All jobs of a Store go to one Disk.
type Disk struct {
	workers int

	mu      sync.Mutex
	more    sync.Cond // a job came, or the end
	idle    int       // workers that wait for it
	commits queue[*Job]
	ready   queue[*Store] // with something to write, and nobody who writes
	checks  queue[*Job]
	ended   bool
}

// maxTogether is how many bytes are hashed together at most: what is begun is finished, also when
// the program is to end.
const maxTogether = 64 << 20

// line is what waits to be written to one Store; guarded by Disk.mu.
type line struct {
	jobs queue[*Job] // Writes, and Commits whose hash was right
	busy bool        // a worker is at it
}

// step is what a worker is to do next.
type step uint8

const (
	doStop   step = iota // there is nothing left, and nothing will come
	doHash               // Commits
	doStore              // a Commit that was hashed, or a Write
	doCheck              // Verifies
	doCancel             // jobs that were not begun before the end
)

// NewDisk makes a Disk of at least one worker. Jobs wait until Run.
func NewDisk(workers int) *Disk {
	d := &Disk{workers: max(workers, 1)}
	d.more.L = &d.mu
	return d
}

// Run works until ctx ends, and returns nil when the last worker has ended. Jobs that
// were begun are finished; those still queued then, and all that are submitted later, end with
// context.Canceled. Run is called once.
func (d *Disk) Run(ctx context.Context) error {
	end := context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ended = true
		d.more.Broadcast()
	})
	defer end()
	var wg sync.WaitGroup
	for range d.workers {
		wg.Go(func() {
			for w := new(worker); w.do(d.next(w)); {
				// Whoever else can run goes first. Where processors are short more pieces come together meanwhile,
				// and hashing four takes little longer than one; where they are not, nobody is asked to wait.
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	return nil
}

// Submit queues a job and never blocks. After the end of Run it answers on the
// caller's goroutine.
func (d *Disk) Submit(j *Job) {
	d.mu.Lock()
	if d.ended {
		d.mu.Unlock()
		finish(j, Result{Err: context.Canceled})
		return
	}
	switch j.Kind {
	case Commit:
		d.commits.push(j)
	case Write:
		d.enqueue(j)
	default:
		d.checks.push(j)
	}
	d.mu.Unlock()
	d.more.Signal()
}

// enqueue puts a job in the line of its Store. mu is held.
func (d *Disk) enqueue(j *Job) {
	l := &j.Store.line
	l.jobs.push(j)
	if !l.busy && l.jobs.len() == 1 {
		d.ready.push(j.Store)
	}
}

// next takes back what w has done, waits for the next step and puts its jobs into w. After the end it
// hands out what is left to finish or to cancel, and then stops.
func (d *Disk) next(w *worker) step {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range w.right {
		d.enqueue(j)
	}
	clear(w.right)
	w.right = w.right[:0]
	if s := w.writes; s != nil {
		w.writes, s.line.busy = nil, false
		if s.line.jobs.len() > 0 {
			d.ready.push(s)
		}
	}
	for {
		if st := d.take(w); st != doStop || d.ended {
			if d.idle > 0 && d.ready.len()+d.commits.len()+d.checks.len() > 0 {
				d.more.Signal() // Submit may have woken nobody, or somebody who found the Store busy
			}
			return st
		}
		d.idle++
		d.more.Wait()
		d.idle--
	}
}

// take chooses a step, or doStop when nothing can be done at the moment. mu is held.
func (d *Disk) take(w *worker) step {
	w.jobs = w.jobs[:0]
	if d.ready.len() > 0 {
		s := d.ready.pop()
		s.line.busy, w.writes = true, s
		w.jobs = append(w.jobs, s.line.jobs.pop())
		if d.ended && w.jobs[0].Kind == Write {
			return doCancel
		}
		return doStore
	}
	st, q := doHash, &d.commits
	if q.len() == 0 {
		st, q = doCheck, &d.checks
	}
	if q.len() == 0 {
		return doStop
	}
	w.jobs = append(w.jobs, q.pop())
	size := w.jobs[0].size()
	for most := min(sha1x.Lanes, maxTogether/size); q.len() > 0 && len(w.jobs) < most && q.peek().size() == size; {
		w.jobs = append(w.jobs, q.pop())
	}
	if d.ended {
		return doCancel
	}
	return st
}

// queue is first in, first out, and uses its memory again.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(x T) {
	if q.head > 64 && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, x)
}

// peek returns what pop will; both need something in the queue.
func (q *queue[T]) peek() T { return q.items[q.head] }

func (q *queue[T]) pop() T {
	var none T
	x := q.items[q.head]
	q.items[q.head] = none
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return x
}
