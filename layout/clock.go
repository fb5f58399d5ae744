package layout

import "time"

// Now returns the time that a store goes by: the later one of the system's clock
// and of when the newest transfer bundle that it accepted was made. So a clock
// that was set back makes no expired key good again, and no stream that is
// overdue look fresh. Where the result lies after system, the system's clock is
// wrong. s may be nil: a store that accepted nothing goes by the system's.
func (s *State) Now(system time.Time) time.Time {
	if s == nil {
		return system
	}
	now := system
	for _, stream := range s.Streams {
		if made := stream.Created.Time(); made.After(now) {
			now = made
		}
	}
	return now
}
