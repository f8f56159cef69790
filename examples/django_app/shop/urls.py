"""The shop's addresses: those that pixelpair's default routes know."""

from django.urls import path
from store import views

handler404 = views.missing

urlpatterns = [
    path("", views.home, name="home"),
    path("categories/<slug:slug>", views.category, name="category"),
    path("search", views.search, name="search"),
    path("products/<str:content_id>", views.product, name="product"),
    path("cart", views.cart_page, name="cart"),
    path("cart/add", views.add, name="add"),
    path("cart/update", views.update, name="update"),
    path("cart/remove", views.remove, name="remove"),
    path("checkout", views.checkout, name="checkout"),
    path("orders/<str:order_id>/complete", views.complete, name="complete"),
    path("orders/<str:order_id>/paid", views.is_paid, name="is_paid"),
    path("payments", views.take_payment, name="payments"),
    path("register", views.register, name="register"),
    path("account", views.account, name="account"),
    path("static/<str:name>", views.static, name="static"),
]
