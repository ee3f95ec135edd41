package testbed

import (
	"os"
	"slices"

	"fastman/internal/feature"
)

// Some returns enough of the sets that any three of their members are seen together in
// each way in which they can be: what a template does for a set depends on few of its
// members at a time. With TEST_ALL in the environment it returns all.
func Some(sets []feature.Set) []feature.Set {
	if os.Getenv("TEST_ALL") != "" {
		return sets
	}
	missing := map[view]bool{}
	for _, s := range sets {
		for _, v := range views(s) {
			missing[v] = true
		}
	}
	var some []feature.Set
	for len(missing) > 0 {
		best := slices.MaxFunc(sets, func(a, b feature.Set) int { return shows(a, missing) - shows(b, missing) })
		for _, v := range views(best) {
			delete(missing, v)
		}
		some = append(some, best)
	}
	return some
}

// view is what a set holds of three members.
type view struct {
	members [3]string
	held    [3]bool
}

func shows(s feature.Set, missing map[view]bool) int {
	count := 0
	for _, v := range views(s) {
		if missing[v] {
			count++
		}
	}
	return count
}

func views(s feature.Set) []view {
	members := []string{"ui"}
	for _, t := range feature.Types {
		members = append(members, string(t))
	}
	for _, p := range feature.Providers {
		members = append(members, string(p))
	}
	held := func(member string) bool {
		holds, err := s.Holds(member)
		return holds && err == nil
	}
	var all []view
	for i, a := range members {
		for j, b := range members[:i] {
			for _, c := range members[:j] {
				all = append(all, view{[3]string{a, b, c}, [3]bool{held(a), held(b), held(c)}})
			}
		}
	}
	return all
}
