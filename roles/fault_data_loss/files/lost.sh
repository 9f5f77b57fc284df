# Where a path's content waits while it is lost: beside it, so that it is renamed and never copied. Sourced.
kept() {
  printf '%s/.%s.drill-lost' "${1%/*}" "${1##*/}"
}
