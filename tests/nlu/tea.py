"""The documents of a small tea shop."""

DOCUMENTS = {
    "terms.md": "# 购物须知\n\n"
    "## 退货\n\n商品签收后7天内可以无理由退货，运费由买家承担。\n\n"
    "## 发票\n\n可以开电子发票，下单后在订单页申请。\n\n"
    "## 寄送\n\n顺丰发货，满 300 元包邮，不寄海外。\n",
    "shop.html": "<h1>Visit us</h1><p>We are open daily from 10:00 to 21:30.</p>"
    "<h2>Tastings</h2><p>A tasting takes 90 minutes and costs 88 yuan. Book one day ahead.</p>",
    "care.txt": "Keep tea dry, cool and dark. Green tea keeps for 12 months.\n",
}
