"""Phrasings kept out of training, written before any result was seen, and never tuned against.

Each line is (task, template). `{a}` and `{b}` are the operands in the order in which the task
uses them (`sub` is a - b, `div` is a ÷ b); `{p}` is a name and `{n}` a thing.
"""

from __future__ import annotations

ENGLISH = [
    ("add", "how much do {a} and {b} make together"),
    ("add", "What do you get if you put {a} and {b} together?"),
    ("add", "tack {b} onto {a}, what's the result"),
    ("add", "Could you tot up {a} and {b} for me?"),
    ("add", "{a} increased by {b} equals what number?"),
    ("add", "If I combine {a} with {b}, where do I land?"),
    ("sub", "What is left of {a} once {b} is gone?"),
    ("sub", "By how much does {a} exceed {b}?"),
    ("sub", "{a} reduced by {b} gives?"),
    ("sub", "knock {b} off {a}"),
    ("sub", "Starting at {a}, count back {b}. Where are you?"),
    ("mul", "What are {a} lots of {b}?"),
    ("mul", "{a} groups of {b} make how many?"),
    ("mul", "Scale {a} by a factor of {b}."),
    ("mul", "how many is {a} multiplied with {b} pls"),
    ("cmp", "Of {a} and {b}, which has the greater value?"),
    ("cmp", "Tell me the bigger one out of {a} and {b}"),
    ("cmp", "{a} or {b} - whichever is higher, please"),
    (
        "word_add",
        "A shelf holds {a} {n}. {p} puts {b} further {n} on it. What is the number of {n} there?",
    ),
    ("word_add", "{p} picked {a} {n} on Monday and {b} {n} on Tuesday. How many were picked?"),
    (
        "word_sub",
        "There were {a} {n} in a box until {p} carried off {b} of them. "
        "How many stayed in the box?",
    ),
    ("word_sub", "Out of {a} {n}, {b} broke. How many {n} are still whole?"),
    ("word_mul", "Each of {a} bags contains {b} {n}. Find the total number of {n}."),
    ("div", "Split {a} into {b} equal parts; what's the quotient and what remains?"),
    ("div", "How often does {b} go into {a}, and what is over?"),
]

JAPANESE = [
    ("add", "{a}と{b}を合わせるとどうなる?"),
    ("add", "{a}に{b}を加算した結果を知りたい"),
    ("add", "{a}と{b}、全部でいくら?"),
    ("add", "{a}より{b}大きい数は何ですか"),
    ("add", "{a}から{b}増えたらいくつになりますか?"),
    ("add", "ねえ、{a}たす{b}って何になるの?"),
    ("sub", "{a}から{b}を取り除くと何が残る?"),
    ("sub", "{a}は{b}よりどれだけ大きい?"),
    ("sub", "{a}より{b}小さい数を求めて"),
    ("sub", "{a}から{b}減ったらいくつ?"),
    ("sub", "{a}ひく{b}、わかる?"),
    ("mul", "{a}が{b}個あったら合計は?"),
    ("mul", "{a}を{b}倍した値を教えて"),
    ("mul", "{a}と{b}の掛け算をやってみて"),
    ("mul", "{a}かける{b}の答えが知りたいです"),
    ("cmp", "{a}と{b}のうち、値が大きいのは?"),
    ("cmp", "{a}と{b}を見比べて、大きいほうを言って"),
    ("cmp", "大きいのはどっちかな、{a}、それとも{b}?"),
    ("word_add", "棚に{n}が{a}個あり、{p}さんがさらに{b}個置きました。{n}は何個になった?"),
    ("word_add", "{p}さんは月曜日に{n}を{a}個、火曜日に{b}個集めました。合わせて何個ですか。"),
    ("word_sub", "箱の中の{n}{a}個のうち、{p}さんが{b}個持っていきました。箱に残るのは何個?"),
    ("word_sub", "{n}が{a}個ありましたが、{b}個こわれました。無事な{n}は何個ですか?"),
    ("word_mul", "{n}が{b}個ずつ入った袋が{a}つあるとき、{n}の総数は?"),
    ("div", "{a}を{b}等分すると、商とあまりは?"),
    ("div", "{a}の中に{b}は何回入って、いくつ余る?"),
]

CHINESE = [
    ("add", "{a}和{b}合在一起是多少?"),
    ("add", "把{b}加到{a}上面,结果呢"),
    ("add", "{a}增加{b}之后是几?"),
    ("add", "比{a}大{b}的数是什么"),
    ("add", "{a}跟{b}凑一块儿有多少"),
    ("add", "帮忙把{a}、{b}两个数加一加"),
    ("sub", "{a}去掉{b}还有多少?"),
    ("sub", "{a}比{b}多出多少"),
    ("sub", "比{a}少{b}的数是几?"),
    ("sub", "从{a}往回数{b},到几了?"),
    ("sub", "{a}扣掉{b}等于?"),
    ("mul", "{a}个{b}相加是多少?"),
    ("mul", "{a}的{b}倍等于多少呀"),
    ("mul", "求{a}与{b}相乘的结果"),
    ("mul", "{a}乘上{b}会得到什么"),
    ("cmp", "{a}和{b}里面哪个数更大?"),
    ("cmp", "比一比{a}跟{b},大的是谁"),
    ("cmp", "{a}与{b},请指出较大的那个"),
    ("word_add", "架子上有{a}个{n},{p}又摆上{b}个。架子上的{n}是多少个?"),
    ("word_add", "{p}星期一摘了{a}个{n},星期二摘了{b}个{n}。两天总共摘了几个?"),
    ("word_sub", "箱子里本来有{a}个{n},{p}搬走{b}个。箱子里还留着几个?"),
    ("word_sub", "{a}个{n}中有{b}个坏了,好的{n}有几个?"),
    ("word_mul", "每袋装{b}个{n},{a}袋里{n}的总数是多少?"),
    ("div", "把{a}分成{b}等份,商和余数是多少?"),
    ("div", "{a}里面最多有几个{b},还余多少?"),
]

HELD_OUT = {"en": ENGLISH, "ja": JAPANESE, "zh": CHINESE}
