"""Words that tell the tone of a message in Chinese, English and Korean: what `nlu/tone.py` goes by.

Longer words are believed before the shorter ones in them: 不好吃 before 好吃.
"""

from __future__ import annotations


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(","))


GOOD = _words(
    "好吃, 美味, 好喝, 不错, 满意, 喜欢, 很好, 挺好, 太好了, 真好, 很棒, 太棒, 真棒, 超赞, 点赞, 赞, "
    "完美, 优秀, 给力, 感谢, 谢谢, 多谢, 辛苦了, 开心, 高兴, 惊喜, 贴心, 热情, 周到, 实惠, 划算, 新鲜, "
    "香, 很快, 准时, 及时, 推荐, 好评, 五星, 值得, 放心, 靠谱, 舒服, 漂亮, 好看, 爱了, 没毛病, 没问题, "
    "非常好, 好极了, 回购, 还会再来, 下次再来, 再来, 可口, 正宗, 分量足, 量足, 干净, 方便, 便宜, "
    "态度好, 服务好, 味道好, 质量好, 物美价廉, good, great, excellent, amazing, awesome, wonderful, "
    "perfect, nice, love, loved, lovely, fantastic, happy, pleased, satisfied, thanks, thank you, "
    "well done, best, delicious, tasty, fresh, friendly, helpful, fast, quick, recommend, beautiful, "
    "brilliant, superb, glad, enjoyed, impressed, comfortable, reliable, kind, polite, 좋아요, 좋지, "
    "좋습니다, 좋네요, 좋았어요, 좋은, 최고, 만족, 감사합니다, 감사해요, 고마워요, 고맙습니다, "
    "맛있어요, 맛있네요, 맛있게, 친절, 빠르네요, 빨라요, 예뻐요, 예쁘네요, 추천, 훌륭, 완벽, 행복, 😀, "
    "😃, 😄, 😊, 😍, 🥰, 😘, 👍, ❤, 🎉, 💯, 🙏, 😋, 👏"
)
BAD = _words(
    "难吃, 不好吃, 不太好, 不怎么好, 难喝, 不好喝, 不好, 差评, 很差, 太差, 太差了, 差劲, 失望, 生气, "
    "气死, 恶心, 垃圾, "
    "骗子, 骗人, 欺骗, 坑人, 太坑, 坑爹, 后悔, 讨厌, 烦, 烦死, 太慢, 很慢, 慢死, 超慢, 凉了, 冷了, "
    "凉的, 冷的, 太咸, 太辣, 太油, 太少, 太贵, 不新鲜, 变质, 过期, 发霉, 头发, 虫子, 苍蝇, 拉肚子, 脏, "
    "破了, 坏了, 坏的, 碎了, 洒了, 漏了, 少了, 缺, 漏发, 发错, 送错, 搞错, 没送, 没收到, 还没到, "
    "还没收到, 没人理, 不理, 不回, 敷衍, 态度差, 态度恶劣, 投诉, 举报, 退款, 退货, 赔偿, 差, 硬, 糊, "
    "馊, 臭, 腥, 不满意, 不满, 不满足, 不推荐, 不会再, 再也不, 再不, 不值, 不行, 不怎么样, 一般般, "
    "一般, 无语, 郁闷, 糟糕, 糟, 心寒, 受不了, 忍不了, 太过分, 过分, 离谱, 不负责, 不专业, 不及时, "
    "超时, 迟到, 等了, 等太久, 半天, 才送到, 最差, 最难吃, bad, terrible, awful, horrible, worst, hate, "
    "hated, disappointed, disappointing, angry, annoyed, annoying, upset, poor, useless, broken, "
    "damaged, wrong, late, slow, rude, dirty, cold, stale, disgusting, ridiculous, unacceptable, "
    "refund, scam, complaint, complain, fail, failed, failure, missing, frustrated, frustrating, sucks, "
    "unhappy, dissatisfied, waste, never again, not working, doesn't work, does not work, not arrived, "
    "never arrived, ripped off, fed up, 별로, 실망, 최악, 나빠요, 나쁘네요, 나쁜, 짜증, 화나요, 화가, "
    "불만, 느려요, 느리네요, 늦어요, 늦게, 환불, 고장, 불친절, 맛없어요, 맛없네요, 더러워요, 더럽, "
    "엉망, 후회, 쓰레기, 사기, 안 좋아요, 안 와요, 😡, 🤬, 😠, 👎, 😤, 💢, 😭, 😞, 🤮, 💔"
)
NOT = _words(
    "不, 没, 没有, 不是, 不太, 不怎么, 并不, 并没有, 别, 无, 从不, 毫无, 算不上, 谈不上, 称不上, not, "
    "no, never, isn't, wasn't, don't, doesn't, didn't, can't, won't, aren't, hardly, cannot, without, "
    "안, 못"
)
VERY = _words(
    "很, 非常, 太, 特别, 超, 超级, 真, 真的, 好, 十分, 极其, 相当, 挺, 最, so, very, really, extremely, "
    "too, totally, absolutely, incredibly, 너무, 정말, 진짜, 아주, 매우, 완전"
)
URGENT = _words(
    "急用, 着急, 很急, 好急, 急急, 加急, 紧急, 急需, 急死, 急着, 马上, 立刻, 立即, 尽快, 赶紧, 赶快, "
    "快点, 快一点, 十万火急, 等不及, 今天必须, 今天一定要, 来不及, 救命, 火速, urgent, urgently, asap, "
    "a.s.a.p, immediately, emergency, hurry, right now, right away, as soon as possible, can't wait, "
    "at once, time-critical, 급해요, 급합니다, 급한, 급하게, 긴급, 빨리, 당장, 지금 바로, 서둘러"
)
CALM = _words(
    "不急, 不着急, 不用急, 不用着急, 不用马上, 不用赶, 慢慢来, not urgent, no hurry, no rush, "
    "not in a hurry, take your time, 안 급해요, 급하지 않, 천천히"
)
ABUSE = _words(
    "傻逼, 傻b, 煞笔, 沙比, 操你, 草泥马, 妈的, 他妈的, 你妈, 尼玛, 去死, 滚蛋, 狗屎, 混蛋, 王八蛋, "
    "贱人, 白痴, 脑残, 废物, 神经病, fuck, fucking, fucker, motherfucker, asshole, bitch, bastard, "
    "shithead, dickhead, cunt, moron, idiot, piece of shit, drop dead, 씨발, 시발, 개새끼, 병신, 지랄, "
    "꺼져, 닥쳐, 미친놈, 미친년"
)
SPAM = _words(
    "加微信, 加v, 加我v, 微商, 代开发票, 开发票加, 贷款, 网贷, 兼职日结, 日结, 刷单, 返利, 稳赚, 躺赚, "
    "高回报, 博彩, 彩票群, 赌场, 棋牌, 点击链接, 免费领取, 限时领取, 中奖, 恭喜您获得, 办证, 私家侦探, "
    "粉丝量, 引流, 涨粉, casino, viagra, cialis, jackpot, giveaway, bitcoin, forex, free money, "
    "make money fast, earn money, click here, limited offer, work from home, guaranteed income, "
    "seo services, buy followers, you have won, crypto investment, 대출, 도박, 카지노, 바카라, 토토, "
    "부업, 고수익, 무료나눔, 클릭하세요, 당첨"
)
