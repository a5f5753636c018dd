# What the documents tell a reader to type, or show as what comes back: one a line, PLACE<TAB>KIND<TAB>TEXT.
#   line      a line of a code block (indented by four, or fenced); continued lines are joined
#   command   a command in running text, between backticks
#   mention   a verb of barrel-p2pd between backticks, without its name
#   example   a line of a commented example in a .toml file
# A .toml file's commands stand at the end of a comment, after two spaces.

function emit(place, kind, text) {
  sub(/^ +/, "", text); sub(/ +$/, "", text)
  if (text != "") print place "\t" kind "\t" text
}
function spans(text, place,    span) {
  while (match(text, /`[^`]+`/)) {
    span = substr(text, RSTART + 1, RLENGTH - 2)
    text = substr(text, RSTART + RLENGTH)
    gsub(/ +/, " ", span)
    if (span ~ /^(barrel-p2pd|\.\/dev|curl|systemctl|systemd-analyze|usermod|sysctl|erl|install|journalctl|apt|sudo) /)
      emit(place, "command", span)
    else if (span ~ /^--set [a-z]/) emit(place, "command", "barrel-p2pd config show " span)
    else if (span ~ /^(run|status|peers|members|graph|events|join|leave|keys|config|explain|version) [-a-zA-Z]/) emit(place, "mention", span)
  }
}
function end_of_paragraph() { spans(paragraph, began); paragraph = "" }
function end_of_line() { if (joined != "") emit(began_line, "line", joined); joined = "" }

FNR == 1 { end_of_paragraph(); end_of_line(); in_block = fenced = 0; blank = 1 }
{ place = FILENAME ":" FNR }

FILENAME ~ /\.toml$/ {
  if ($0 ~ /^#   "/) emit(place, "example", substr($0, 2))
  else if (match($0, /  barrel-p2pd .*$/)) emit(place, "command", substr($0, RSTART))
  else spans($0, place)
  next
}
/^```/ { end_of_paragraph(); fenced = !fenced; next }
fenced || (/^    / && (blank || in_block)) {
  end_of_paragraph()
  in_block = !fenced
  blank = 0
  text = $0
  sub(/^ +/, "", text)
  if (joined == "") began_line = place
  joined = joined (joined == "" ? "" : " ") text
  if (sub(/ *\\$/, "", joined)) next
  end_of_line()
  next
}
/^ *$/ { end_of_paragraph(); blank = 1; next }
{
  in_block = blank = 0
  if (paragraph == "") began = place
  paragraph = paragraph " " $0
}
END { end_of_paragraph(); end_of_line() }
