package piece

import (
	"context"
	"sync"
)

// Disk runs Jobs on a fixed number of workers for all torrents of a session.
// Commits and Writes go before Verifies, each kind in the order of submission.
// Submit may be called from any goroutine; the queue has no bound of its own, because
// whoever submits holds the room for the job's completion.
type Disk struct {
	workers int

	mu     sync.Mutex
	more   sync.Cond // a job came, or the end
	writes queue
	checks queue
	ended  bool
}

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
	stop := context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ended = true
		d.more.Broadcast()
	})
	defer stop()
	var wg sync.WaitGroup
	for range d.workers {
		wg.Go(func() {
			w := newWorker()
			for {
				j, ended := d.next()
				if j == nil {
					return
				}
				if ended {
					w.finish(j, Result{Err: context.Canceled})
				} else {
					w.finish(j, w.run(j))
				}
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
		(&worker{}).finish(j, Result{Err: context.Canceled})
		return
	}
	if j.Kind == Verify {
		d.checks.push(j)
	} else {
		d.writes.push(j)
	}
	d.mu.Unlock()
	d.more.Signal()
}

// next waits for a job. After the end it hands out what is left, and then nil.
func (d *Disk) next() (j *Job, ended bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		if j := d.writes.pop(); j != nil {
			return j, d.ended
		}
		if j := d.checks.pop(); j != nil {
			return j, d.ended
		}
		if d.ended {
			return nil, true
		}
		d.more.Wait()
	}
}

// queue is first in, first out, and uses its memory again.
type queue struct {
	jobs []*Job
	head int
}

func (q *queue) push(j *Job) {
	if q.head > 64 && q.head > len(q.jobs)/2 {
		n := copy(q.jobs, q.jobs[q.head:])
		clear(q.jobs[n:])
		q.jobs, q.head = q.jobs[:n], 0
	}
	q.jobs = append(q.jobs, j)
}

func (q *queue) pop() *Job {
	if q.head == len(q.jobs) {
		q.jobs, q.head = q.jobs[:0], 0
		return nil
	}
	j := q.jobs[q.head]
	q.jobs[q.head] = nil
	q.head++
	return j
}
