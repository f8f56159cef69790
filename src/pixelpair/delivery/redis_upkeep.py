"""What else Redis does in one step for the outbox there: see to the dead, tidy up, count.

Knows what is asked and answered; what is done to which key is in `redis_state`.
"""

from __future__ import annotations

from typing import Final

from pixelpair.delivery.redis_state import MAKES_ROOM, READS, WRITES

# now, then dead letters. Gives how many are gone from here, and how many are queued again.
REPLAY: Final = (
    WRITES
    + """
local now, gone, new = tonumber(ARGV[1]), 0, 0
for i = 2, #ARGV do
  if call('HGET', p .. 'dead:' .. ARGV[i], 'f') == '' then
    local head, lane, record = unbury(ARGV[i])
    local told
    if name(head) ~= PURCHASE then told = '' end
    gone, new = gone + 1, new + put(lane, head, record, '', now, told)
  end
end
fade()
return {gone, new}
"""
)

# Dead letters. Gives how many are gone.
PURGE: Final = (
    MAKES_ROOM
    + """
local gone = 0
for i = 1, #ARGV do if unbury(ARGV[i]) then gone = gone + 1 end end
return {gone, gone}
"""
)

# now, the time before which a death is forgotten, idle ms after which a sender is. Gives whether
# there is more to do.
SWEEP: Final = (
    MAKES_ROOM
    + """
local now, MOST = tonumber(ARGV[1]), 50
local old = call('ZRANGEBYSCORE', p .. 'fading', '-inf', now, 'LIMIT', 0, MOST)
for _, names in ipairs(old) do
  for first = 1, #names, IDENTITY do
    local who = names:sub(first, first + IDENTITY - 1)
    local word = call('HGET', p .. 'known', who)
    if word and not waits(word) and tonumber(word) <= now then call('HDEL', p .. 'known', who) end
  end
end
parts('ZREM', p .. 'fading', old)
local bought = call('ZRANGEBYSCORE', p .. 'bought', '-inf', now, 'LIMIT', 0, PART)
for _, found in ipairs(bought) do
  call('HDEL', p .. 'bought:' .. found:sub(IDENTITY + 1), found:sub(1, IDENTITY))
end
parts('ZREM', p .. 'bought', bought)
local buried = 0
for _, key in ipairs(call('ZRANGE', p .. 'dead', 0, PART - 1)) do
  if tonumber(call('HGET', p .. 'dead:' .. key, 'd')) > tonumber(ARGV[2]) then break end
  unbury(key)
  buried = buried + 1
end
local over = call('ZRANGEBYSCORE', p .. 'ended:until', '-inf', now)
parts('HDEL', p .. 'ended', over)
parts('ZREM', p .. 'ended:until', over)
for _, lane in ipairs(call('SMEMBERS', p .. 'lanes')) do
  local queue = p .. 'queue:' .. lane
  for _, found in ipairs(call('XINFO', 'CONSUMERS', queue, G)) do
    local sender = {}
    for i = 1, #found, 2 do sender[found[i]] = found[i + 1] end
    if sender.pending == 0 and sender.idle > tonumber(ARGV[3]) then
      call('XGROUP', 'DELCONSUMER', queue, G, sender.name)
    end
  end
end
return (#old == MOST or buried == PART or #bought == PART) and 1 or 0
"""
)

# Gives how many wait, are dead, were delivered, the oldest's time, how many were withdrawn, and how
# many of those that wait are claimed.
STATS: Final = (
    READS
    + """
local queued, oldest, lowest, flying = 0, false, nil, 0
for _, lane in ipairs(call('SMEMBERS', p .. 'lanes')) do
  queued = queued + call('XLEN', p .. 'queue:' .. lane)
  local first = call('XRANGE', p .. 'queue:' .. lane, '-', '+', 'COUNT', 1)[1]
  local n = first and tonumber(first[1]:match('%d+'))
  if n and (not lowest or n < lowest) then lowest, oldest = n, made(first[2][2]) end
  local group = call('XINFO', 'GROUPS', p .. 'queue:' .. lane)[1]
  for i = 1, #group, 2 do if group[i] == 'pending' then flying = flying + group[i + 1] end end
end
local counts = call('HMGET', p .. 'count', 'delivered', 'withdrawn')
local dead = call('ZCARD', p .. 'dead')
return {queued, dead, tonumber(counts[1] or 0), oldest, tonumber(counts[2] or 0), flying}
"""
)

# pixel or "" for dead letters, the number to go on behind. Gives that of the next page (0: it was
# the last), then pixel, name, how many, the oldest's time of each kind.
SURVEY: Final = (
    READS
    + """
local lane, after, kinds, answer = ARGV[1], ARGV[2], {}, {0}
local function add(pixel, head)
  local kind = pixel .. '\\0' .. name(head)
  kinds[kind] = kinds[kind] or {pixel, name(head), 0, made(head)}
  kinds[kind][3], kinds[kind][4] = kinds[kind][3] + 1, math.min(kinds[kind][4], made(head))
end
local last, seen
if lane == '' then
  seen = call('ZRANGEBYSCORE', p .. 'dead', '(' .. after, '+inf', 'LIMIT', 0, PART)
  for _, key in ipairs(seen) do
    local letter = call('HMGET', p .. 'dead:' .. key, 'p', 'h')
    add(letter[1], letter[2])
  end
  last = seen[#seen]
else
  seen = call('XRANGE', p .. 'queue:' .. lane, '(' .. after, '+', 'COUNT', PART)
  for _, row in ipairs(seen) do add(lane, row[2][2]) end
  last = #seen > 0 and seen[#seen][1]
end
if #seen == PART then answer[1] = last end
for _, kind in pairs(kinds) do for i = 1, 4 do answer[#answer + 1] = kind[i] end end
return answer
"""
)

# The number to go on before, as ZREVRANGEBYSCORE takes it, and how many. Gives number, record,
# reason and death of each dead letter.
LETTERS: Final = (
    READS
    + """
local answer = {}
for _, key in ipairs(
  call('ZREVRANGEBYSCORE', p .. 'dead', ARGV[1], '-inf', 'LIMIT', 0, ARGV[2])
) do
  answer[#answer + 1] = key
  for _, word in ipairs(call('HMGET', p .. 'dead:' .. key, 'r', 'w', 'd')) do
    answer[#answer + 1] = word
  end
end
return answer
"""
)
